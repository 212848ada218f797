//! What `numbers` promises, and what it refuses.

use super::*;

fn number(text: &str) -> CertificateNumber {
    CertificateNumber::parse(text).unwrap()
}

/// Serials with gaps, two institutions, a special level.
fn some_numbers() -> Vec<CertificateNumber> {
    let serials = (1..=60).filter(|serial| serial % 7 != 0);
    let mut numbers: Vec<CertificateNumber> = serials
        .flat_map(|serial| {
            ["J000044000001203", "S00004400000221T"]
                .map(|group| number(&format!("{group}{serial:06}")))
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

fn blob(numbers: &[CertificateNumber]) -> Vec<u8> {
    let mut builder = fst::raw::Builder::new_type(Vec::new(), layout::NUMBERS_TYPE).unwrap();
    for (ordinal, number) in numbers.iter().enumerate() {
        builder.insert(number.as_bytes(), ordinal as u64).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn there_and_back_again() {
    let numbers = some_numbers();
    let index = NumberIndex::open(blob(&numbers), numbers.len() as u64).unwrap();
    index.check_sum().unwrap();
    let mut last = None;
    for (ordinal, number) in numbers.iter().enumerate() {
        let ordinal = u32::try_from(ordinal).unwrap();
        assert_eq!(index.ordinal(number), Ok(Some(ordinal)));
        let back = index.there_and_back(ordinal, last.as_ref()).unwrap();
        assert!(back == *number);
        last = Some(back);
    }
    let beyond = u32::try_from(numbers.len()).unwrap();
    assert_eq!(index.number(beyond).unwrap_err().fault, Fault::Ordinal);
}

#[test]
fn unknown_numbers_differ_anywhere() {
    let numbers = some_numbers();
    let index = NumberIndex::open(blob(&numbers), numbers.len() as u64).unwrap();
    for unknown in [
        "Y000044000001203000001",
        "J999944000001203000001",
        "J000044000001193000001",
        "J00004400000120T000001",
        "J000044000001203000007",
        "J000044000001203999999",
        "S000044000002213000001",
    ] {
        assert_eq!(index.ordinal(&number(unknown)), Ok(None), "{unknown}");
    }
}

#[test]
fn an_empty_register_and_a_single_certificate() {
    let empty = NumberIndex::open(blob(&[]), 0).unwrap();
    let only = number("J000044000001203000001");
    assert_eq!(empty.ordinal(&only), Ok(None));
    assert_eq!(empty.number(0).unwrap_err().fault, Fault::Ordinal);
    let single = NumberIndex::open(blob(&[only]), 1).unwrap();
    assert_eq!(single.ordinal(&only), Ok(Some(0)));
    assert!(single.number(0).unwrap() == only);
}

#[test]
fn the_door_checks_the_frame() {
    let numbers = some_numbers();
    let whole = blob(&numbers);
    let count = numbers.len() as u64;
    let fault = |bytes: Vec<u8>, count| NumberIndex::open(bytes, count).err().unwrap().fault;
    assert!(matches!(fault(Vec::new(), 0), Fault::Length { .. }));
    assert!(matches!(
        fault(whole[..35].to_vec(), count),
        Fault::Length { .. }
    ));
    assert!(matches!(
        fault(whole.clone(), count + 1),
        Fault::Count { expected, found } if expected == count + 1 && found == count
    ));
    for length in 36..whole.len() {
        assert!(NumberIndex::open(whole[..length].to_vec(), count).is_err());
    }
    let other_type = fst::raw::Builder::memory().into_inner().unwrap();
    assert_eq!(fault(other_type, 0), Fault::Magic);
    let mut version_2 = whole;
    version_2[0] = 2;
    assert!(matches!(
        fault(version_2, count),
        Fault::Version { found: 2, .. }
    ));
}

/// Bytes that rot after the door. What is promised: no panic gets out, no walk runs on, and the
/// blob's own checksum sees it; a wrong ordinal meets the row's checksum (see `find`).
#[test]
fn flipped_bits_never_panic() {
    // What `fst` panics about is caught, and would only be printed.
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic
            .location()
            .is_some_and(|at| at.file().contains("/fst-"))
        {
            loud(panic);
        }
    }));
    let numbers = some_numbers();
    let intact = blob(&numbers);
    for bit in 0..intact.len() * 8 {
        let mut bytes = intact.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(index) = NumberIndex::open(bytes, numbers.len() as u64) else {
            continue;
        };
        assert!(index.check_sum().is_err(), "bit {bit}");
        for (ordinal, number) in numbers.iter().enumerate() {
            if let Ok(Some(found)) = index.ordinal(number) {
                assert!((found as usize) < numbers.len(), "bit {bit}");
            }
            let _ = index.number(u32::try_from(ordinal).unwrap());
        }
    }
}
