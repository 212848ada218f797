//! How figures grow with the register: a table and a sheet of small panels, both axes logarithmic.
//!
//! What was not measured follows from a model and is marked as such. Order of reading: [`figures`]
//! is what `gauge` wrote and the model; this file says which figures there are; [`table`] and
//! [`panels`] show them.

mod figures;
mod panels;
mod table;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::Args;

use figures::{Figures, Kind};

#[derive(Args)]
pub(crate) struct Arguments {
    /// What `gauge` wrote.
    #[arg(long)]
    figures: PathBuf,
    /// A size that follows from the model; may be given several times. One that was measured is
    /// left as it was.
    #[arg(long)]
    model: Vec<u64>,
    /// What was measured, under the picture.
    #[arg(long)]
    caption: String,
    /// Where the picture goes.
    #[arg(long)]
    svg: PathBuf,
    /// Where the table goes, for people.
    #[arg(long)]
    markdown: PathBuf,
    /// Where it goes for programs: certificates, figure, median, lowest, highest, measured or model.
    #[arg(long)]
    tsv: PathBuf,
}

/// A figure that is shown.
pub(crate) struct Shown {
    /// As `gauge` calls it.
    name: &'static str,
    title: &'static str,
    /// Of what is written, with `scale` of it to one of what was measured.
    unit: &'static str,
    scale: f64,
    kind: Kind,
}

const fn shown(
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    scale: f64,
    kind: Kind,
) -> Shown {
    Shown {
        name,
        title,
        unit,
        scale,
        kind,
    }
}

const MIB: f64 = 1.0 / (1 << 20) as f64;

/// A panel: its title and the lines in it.
pub(crate) struct Panel {
    title: &'static str,
    lines: &'static [Shown],
}

/// All that is shown, panel by panel; the table has the same order.
pub(crate) const PANELS: [Panel; 10] = [
    Panel {
        title: "Rows a second",
        lines: &[
            shown("accept.wall_s", "accept", "rows/s", 1.0, Kind::Rate),
            shown("publish.wall_s", "publish", "rows/s", 1.0, Kind::Rate),
        ],
    },
    Panel {
        title: "Building, seconds",
        lines: &[
            shown("accept.wall_s", "accept", "s", 1.0, Kind::Whole),
            shown("publish.wall_s", "publish", "s", 1.0, Kind::Whole),
            shown("accept.cpu_s", "accept, CPU", "s", 1.0, Kind::Whole),
            shown("publish.cpu_s", "publish, CPU", "s", 1.0, Kind::Whole),
        ],
    },
    Panel {
        title: "Peak of own memory, MiB",
        lines: &[
            shown("accept.anonymous_bytes", "accept", "MiB", MIB, Kind::Bounded),
            shown("publish.anonymous_bytes", "publish", "MiB", MIB, Kind::Bounded),
        ],
    },
    Panel {
        title: "Peak resident, mapped files included, MiB",
        lines: &[
            shown("accept.resident_bytes", "accept", "MiB", MIB, Kind::Bounded),
            shown("publish.resident_bytes", "publish", "MiB", MIB, Kind::Bounded),
        ],
    },
    Panel {
        title: "Bytes a certificate",
        lines: &[
            shown("bytes.numbers", "numbers", "bytes", 1.0, Kind::Share),
            shown("bytes.holders", "holders", "bytes", 1.0, Kind::Share),
            shown("bytes.rows", "rows", "bytes", 1.0, Kind::Share),
            shown(
                "bytes.look-up blobs",
                "the three",
                "bytes",
                1.0,
                Kind::Share,
            ),
            shown("bytes.texts", "texts", "bytes", 1.0, Kind::Share),
        ],
    },
    Panel {
        title: "Memory of the server, MiB",
        lines: &[
            shown("hot.resident_bytes", "resident", "MiB", MIB, Kind::Whole),
            shown("hot.anonymous_bytes", "own", "MiB", MIB, Kind::Whole),
        ],
    },
    Panel {
        title: "Ready after a start, all pages on the disk, seconds",
        lines: &[
            shown(
                "start.empty_s",
                "private cache empty",
                "s",
                1.0,
                Kind::Whole,
            ),
            shown("start.full_s", "full", "s", 1.0, Kind::Whole),
        ],
    },
    Panel {
        title: "A new base, entry to first answer, seconds",
        lines: &[shown(
            "swap.wall_s",
            "pages in memory",
            "s",
            1.0,
            Kind::Whole,
        )],
    },
    Panel {
        title: "A look-up, one at a time, µs",
        lines: &[
            shown("cold.us", "cold", "µs", 1.0, Kind::LookUp),
            shown("hot.us", "hot", "µs", 1.0, Kind::LookUp),
            shown("cold.cpu_us", "cold, CPU", "µs", 1.0, Kind::LookUp),
            shown("hot.cpu_us", "hot, CPU", "µs", 1.0, Kind::LookUp),
        ],
    },
    Panel {
        title: "CPU of a look-up, 64 connections, µs",
        lines: &[
            shown("ours.cpu_us", "certq", "µs", 1.0, Kind::LookUp),
            shown("floor.cpu_us", "floor", "µs", 1.0, Kind::Bounded),
        ],
    },
];

/// Reads, and writes all three.
pub(crate) fn draw(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let figures = Figures::read(&arguments.figures, &arguments.model)?;
    let picture = panels::draw(&figures, &arguments.caption);
    fs::write(&arguments.svg, picture)?;
    fs::write(&arguments.markdown, table::markdown(&figures))?;
    fs::write(&arguments.tsv, table::tsv(&figures))?;
    Ok(())
}
