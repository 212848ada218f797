//! A register that lives: certificates are added, corrected, withdrawn and restored, and published
//! as a fresh layer over a base that is made anew now and then. It is also the model: it knows
//! what each epoch answers to each question.
//!
//! Everything follows from a seed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, RwLock};

use certificate::Date;
use serde_json::{Value, json};
use snapshot::{LayerKind, LayerRef, Manifest};

use crate::register::{Certificate, Register, identity};
use crate::tables::REASONS;

/// Certificates at the start, and those that may be added later.
const FIRST: usize = 300;
const MOST: usize = 600;

/// Names that a holder may have had, by corrections.
const NAMES: u16 = 3;

/// Changes of one publication at most, and the fresh rows at which the base is made anew.
const CHANGES: usize = 12;
const FRESH: usize = 150;

/// Seeded, small, good enough to choose with (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

/// What one epoch holds, by number.
type State = BTreeMap<String, Arc<Certificate>>;

/// What every epoch answers; shared with those who ask.
#[derive(Default)]
pub(crate) struct Model(RwLock<HashMap<u64, Arc<State>>>);

/// The register and its publisher.
pub(crate) struct Living {
    random: Random,
    state: State,
    /// Numbers touched since the base was made.
    fresh: BTreeSet<String>,
    base: LayerRef,
    generation: u64,
    /// How often the base was made anew.
    pub(crate) compactions: usize,
}

/// A question about a certificate, under one of the names that its holder may have.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    index: u16,
    corrections: u16,
    form: Form,
}

/// Which two of the three factors are given.
#[derive(Clone, Copy)]
enum Form {
    NumberAndName,
    NumberAndId,
    NameAndId,
}

/// The number of certificate `index`.
fn number(index: usize) -> String {
    format!("J00004400000{}203{:06}", 1 + index % 3, 1 + index / 3)
}

/// The holder of certificate `index`; every second one has two certificates.
fn holder(index: usize) -> usize {
    index - usize::from(index % 3 == 1)
}

/// The name of a holder after so many corrections.
fn name(holder: usize, corrections: u16) -> String {
    const FAMILY: [char; 8] = ['赵', '钱', '孙', '李', '周', '吴', '郑', '王'];
    const GIVEN: [char; 16] = [
        '安', '邦', '晨', '德', '恩', '芳', '国', '海', '佳', '康', '丽', '明', '宁', '平', '强',
        '文',
    ];
    let given = |at: usize| GIVEN[at % GIVEN.len()];
    let corrected = given(holder / 128 + usize::from(corrections));
    [FAMILY[holder % 8], given(holder / 8), corrected]
        .iter()
        .collect()
}

fn id_number(holder: usize) -> String {
    let (day, serial) = (1 + holder / 500, 1 + holder % 500);
    identity(&format!("4400001990{:02}{day:02}{serial:03}", 7))
}

fn issue(index: usize) -> Certificate {
    let day = i8::try_from(1 + index % 28).unwrap();
    Certificate {
        number: number(index),
        name: name(holder(index), 0),
        id_number: id_number(holder(index)),
        issued_on: Date::constant(2024, 5, day),
        direction: u16::from(index.is_multiple_of(2)),
        centre: u8::from(!index.is_multiple_of(3)),
        withdrawn_on: None,
        reason: None,
        revision: 1,
    }
}

impl Living {
    /// Publishes the first certificates as this epoch.
    pub(crate) fn new(register: &Register, model: &Model, seed: u64, epoch: u64) -> Self {
        let first: Vec<Certificate> = (0..FIRST).map(issue).collect();
        let base = register.layer(LayerKind::Base, &first);
        let state = first
            .into_iter()
            .map(|it| (it.number.clone(), Arc::new(it)));
        let mut living = Self {
            random: Random(seed),
            state: state.collect(),
            fresh: BTreeSet::new(),
            base,
            generation: 0,
            compactions: 0,
        };
        let manifest = living.next_manifest(register);
        living.record(model, epoch);
        register.publish_manifest(epoch, manifest);
        living
    }

    /// Makes some changes, and a manifest of what has come of them; the caller records and
    /// publishes it.
    pub(crate) fn change(&mut self, register: &Register) -> Manifest {
        for _ in 0..=self.random.below(CHANGES) {
            self.change_one();
        }
        self.next_manifest(register)
    }

    /// Tells the model what this epoch answers: what the register holds now. To be called before
    /// the epoch can be live.
    pub(crate) fn record(&self, model: &Model, epoch: u64) {
        let state = Arc::new(self.state.clone());
        model.0.write().unwrap().insert(epoch, state);
    }

    /// Layers of the newest generation.
    pub(crate) fn layers(&self) -> usize {
        1 + usize::from(!self.fresh.is_empty())
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.random.below(end)
    }

    /// The next generation: the base alone, as old or made anew, or a fresh layer over it.
    fn next_manifest(&mut self, register: &Register) -> Manifest {
        self.generation += 1;
        let all: Vec<Certificate> = self.state.values().map(|it| (**it).clone()).collect();
        if self.fresh.len() >= FRESH {
            self.base = register.layer(LayerKind::Base, &all);
            self.fresh.clear();
            self.compactions += 1;
        }
        let mut layers = vec![self.base.clone()];
        if !self.fresh.is_empty() {
            let touched: Vec<Certificate> = self
                .fresh
                .iter()
                .map(|it| (*self.state[it]).clone())
                .collect();
            layers.insert(0, register.layer(LayerKind::Fresh, &touched));
        }
        register.manifest_of(self.generation, layers, &all)
    }

    fn change_one(&mut self) {
        let issued = self.state.len();
        let kind = self.random.below(4);
        if kind == 0 && issued < MOST {
            return self.put(issue(issued));
        }
        let index = self.random.below(issued);
        let mut changed = (*self.state[&number(index)]).clone();
        let day = i8::try_from(1 + self.random.below(28)).unwrap();
        match (kind, changed.withdrawn_on) {
            (1, None) => {
                let corrections = u16::try_from(self.random.below(usize::from(NAMES))).unwrap();
                changed.name = name(holder(index), corrections);
                (changed.reason, changed.revision) = (Some(1), changed.revision + 1);
            }
            (_, None) => changed.withdraw(Date::constant(2026, 9, day)),
            (_, Some(_)) => {
                changed.withdrawn_on = None;
                (changed.reason, changed.revision) = (Some(1), changed.revision + 1);
            }
        }
        self.put(changed);
    }

    fn put(&mut self, certificate: Certificate) {
        self.fresh.insert(certificate.number.clone());
        let number = certificate.number.clone();
        self.state.insert(number, Arc::new(certificate));
    }
}

impl Asked {
    /// A question about any certificate that was or will be issued, under any name its holder
    /// ever had, in one of the three forms.
    pub(crate) fn any(random: &mut Random) -> Self {
        let index = u16::try_from(random.below(MOST)).unwrap();
        let corrections = u16::try_from(random.below(usize::from(NAMES) + 1)).unwrap();
        Self {
            index,
            corrections: corrections.saturating_sub(1),
            form: match random.below(3) {
                0 => Form::NumberAndName,
                1 => Form::NumberAndId,
                _ => Form::NameAndId,
            },
        }
    }

    fn number(self) -> Option<String> {
        let number = || number(usize::from(self.index));
        (!matches!(self.form, Form::NameAndId)).then(number)
    }

    fn name(self) -> Option<String> {
        let name = || name(holder(usize::from(self.index)), self.corrections);
        (!matches!(self.form, Form::NumberAndId)).then(name)
    }

    fn id_number(self) -> Option<String> {
        let id_number = || id_number(holder(usize::from(self.index)));
        (!matches!(self.form, Form::NumberAndName)).then(id_number)
    }

    /// As the body of a request.
    pub(crate) fn json(self) -> String {
        let factors = [
            ("certificate_number", self.number()),
            ("name", self.name()),
            ("id_number", self.id_number()),
        ];
        let given = factors.map(|(key, value)| Some(format!("\"{key}\":\"{}\"", value?)));
        let given: Vec<String> = given.into_iter().flatten().collect();
        format!("{{{}}}", given.join(","))
    }
}

impl Model {
    /// What is wrong with an answer that says it is of this epoch; nothing when it is right.
    pub(crate) fn complaint(&self, epoch: u64, asked: Asked, body: &[u8]) -> Option<String> {
        let state = self.0.read().unwrap().get(&epoch).cloned();
        let Some(state) = state else {
            return Some(format!("epoch {epoch} was never published"));
        };
        let body: Value = serde_json::from_slice(body).unwrap();
        let (number, name, id_number) = (asked.number(), asked.name(), asked.id_number());
        let mut expected: Vec<&Certificate> = match &number {
            Some(number) => state.get(number).into_iter().map(Arc::as_ref).collect(),
            None => state.values().map(Arc::as_ref).collect(),
        };
        let same = |asked: &Option<String>, has: &String| asked.as_ref().is_none_or(|it| it == has);
        expected.retain(|it| same(&name, &it.name) && same(&id_number, &it.id_number));
        expected.sort_by_key(|it| (std::cmp::Reverse(it.issued_on), it.number.clone()));
        let expected: Vec<Value> = expected.into_iter().map(shown).collect();
        let outcome = match expected.is_empty() {
            true => "no_match",
            false => "match",
        };
        let found: Vec<Value> = body["certificates"]
            .as_array()
            .unwrap()
            .iter()
            .map(reduced)
            .collect();
        let right = body["as_of"]["epoch"] == json!(epoch)
            && body["outcome"] == json!(outcome)
            && found == expected;
        (!right).then(|| format!("{} at epoch {epoch}: {body}", asked.json()))
    }
}

/// What changes make of a certificate, as an answer shows it.
fn shown(certificate: &Certificate) -> Value {
    let status = match certificate.withdrawn_on {
        Some(_) => "withdrawn",
        None => "valid",
    };
    json!({
        "certificate_number": certificate.number,
        "holder_name": certificate.name.chars().take(1).chain(['*']).collect::<String>(),
        "issued_on": certificate.issued_on.to_string(),
        "status": status,
        "status_on": certificate.withdrawn_on.map(|day| day.to_string()),
        "reason": certificate.reason.map(|reason| REASONS[usize::from(reason)]),
        "revision": certificate.revision,
    })
}

/// The same fields of a certificate in an answer.
fn reduced(certificate: &Value) -> Value {
    let fields = [
        "certificate_number",
        "holder_name",
        "issued_on",
        "status",
        "status_on",
        "reason",
        "revision",
    ];
    fields
        .map(|field| (field.to_owned(), certificate[field].clone()))
        .into_iter()
        .collect()
}
