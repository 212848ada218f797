//! Asks several servers the same questions in turn, compares every answer with the bytes that it
//! must have, and tells throughput, processor time and lateness, also relative to the floor.
//!
//! One thread, one epoll, nothing parsed that need not be. Order of reading: [`arguments`];
//! [`session`] asks one server for one window, closed loop or open; [`pace`] says who asks when in
//! an open one, and how late that was; [`window`] adds the
//! processors; [`report`] makes medians and ratios of windows; [`table`] prints them.

mod arguments;
mod connection;
mod pace;
mod report;
mod session;
mod table;
mod window;

use std::fs;
use std::process::ExitCode;
use std::rc::Rc;

use clap::Parser as _;
use mimalloc::MiMalloc;
use peers::processor;
use peers::questions::{Method, Questions};

use arguments::{Arguments, Target};
use report::{FLOOR, Measured, Report};
use session::{Load, Trouble};
use window::{Asked, Window};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match measure(&arguments) {
        Ok(reports) => {
            for report in &reports {
                print!("{}", table::of(report));
            }
            write(&arguments, &reports)
        }
        Err(trouble) => {
            eprintln!("{trouble}");
            ExitCode::FAILURE
        }
    }
}

fn write(arguments: &Arguments, reports: &[Report]) -> ExitCode {
    let Some(path) = &arguments.json else {
        return ExitCode::SUCCESS;
    };
    let json = serde_json::to_vec_pretty(reports).expect("numbers and strings");
    match fs::write(path, json) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

/// Every load that was asked for, one report each.
fn measure(arguments: &Arguments) -> Result<Vec<Report>, Trouble> {
    let questions = Rc::new(read(arguments, Method::Post, usize::MAX)?);
    let mut asked = Vec::new();
    for target in &arguments.targets {
        asked.push(prepare(arguments, target, &questions)?);
    }
    let mut loads = Vec::new();
    if !arguments.share.is_empty() {
        let floor = asked.iter_mut().find(|it| it.target.name == FLOOR);
        let floor = floor.ok_or_else(|| Trouble::Usage("--share needs the target floor".into()))?;
        let all = capacity(arguments, floor)?;
        loads.extend(arguments.share.iter().map(|share| Load::Open(all * share)));
    }
    loads.extend(arguments.open.iter().map(|rate| Load::Open(*rate)));
    if loads.is_empty() {
        loads.push(Load::Closed {
            depth: arguments.pipelined,
        });
    }
    let measured = loads.into_iter();
    measured
        .map(|load| rounds(arguments, &mut asked, load))
        .collect()
}

fn read(arguments: &Arguments, method: Method, most: usize) -> Result<Questions, Trouble> {
    let questions = Questions::read(&arguments.questions, method, most);
    questions.map_err(|error| Trouble::Usage(format!("{}: {error}", arguments.questions.display())))
}

/// Has the questions for a target, and asks it all that must miss, so that a server which says
/// "match" to everybody is not measured.
fn prepare(
    arguments: &Arguments,
    target: &Target,
    questions: &Rc<Questions>,
) -> Result<Asked, Trouble> {
    if let Some(files) = arguments.files_of(&target.name) {
        let files = Rc::new(read(arguments, Method::Get, files)?);
        return Ok(Asked::new(target.clone(), files, arguments.connections));
    }
    let mut asked = Asked::new(target.clone(), Rc::clone(questions), arguments.connections);
    if target.name != FLOOR {
        asked.check_misses()?;
    }
    Ok(asked)
}

/// Answers a second of the floor in a closed loop: the median of five windows.
fn capacity(arguments: &Arguments, floor: &mut Asked) -> Result<f64, Trouble> {
    let mut rates = Vec::new();
    for _ in 0..5 {
        rates.push(
            floor
                .window(Load::Closed { depth: 1 }, arguments.seconds())?
                .answers_per_s,
        );
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates[2])
}

/// One window of each target in each round; every other round in the opposite order, so that what
/// changes slowly meets all alike.
fn rounds(arguments: &Arguments, asked: &mut [Asked], load: Load) -> Result<Report, Trouble> {
    let mut windows: Vec<Vec<Window>> = asked.iter().map(|_| Vec::new()).collect();
    // Not counted: the first meeting with every page of the data.
    for target in asked.iter_mut() {
        target.window(load, arguments.seconds())?;
    }
    for round in 0..arguments.windows {
        for place in 0..asked.len() {
            let place = if round % 2 == 0 {
                place
            } else {
                asked.len() - 1 - place
            };
            windows[place].push(asked[place].window(load, arguments.seconds())?);
        }
    }
    let measured = asked.iter().zip(windows).map(|(asked, windows)| Measured {
        name: asked.target.name.clone(),
        windows,
        memory: processor::memory_of(&asked.target.pids),
    });
    Ok(Report::new(load, measured.collect()))
}
