//! An iterator that runs ahead on a thread of its own, so that making things and using them are
//! done at the same time.

use std::sync::mpsc;

/// Items handed over at once: a hand-over costs as much as a hundred rows.
const BLOCK: usize = 4096;

/// Blocks that wait to be used.
const BLOCKS_WAITING: usize = 2;

/// Calls `use_them` with the items, which are made on another thread meanwhile; in place where
/// the current rayon pool has one thread only. After an error nothing more is made. Memory: four
/// blocks.
pub(crate) fn relay<T, E, R>(
    items: impl Iterator<Item = Result<T, E>> + Send,
    use_them: impl FnOnce(&mut dyn Iterator<Item = Result<T, E>>) -> R,
) -> R
where
    T: Send,
    E: Send,
{
    let mut items = items;
    if rayon::current_num_threads() == 1 {
        return use_them(&mut items);
    }
    std::thread::scope(|scope| {
        let (give, take) = mpsc::sync_channel(BLOCKS_WAITING);
        scope.spawn(move || {
            loop {
                let block: Vec<Result<T, E>> = block(&mut items);
                // Whoever uses them may have stopped at an error of their own.
                if block.is_empty() || give.send(block).is_err() {
                    return;
                }
            }
        });
        use_them(&mut take.into_iter().flatten())
    })
}

/// The next items, up to and with an error.
fn block<T, E>(items: &mut impl Iterator<Item = Result<T, E>>) -> Vec<Result<T, E>> {
    let mut block = Vec::with_capacity(BLOCK);
    while block.len() < BLOCK
        && block.last().is_none_or(Result::is_ok)
        && let Some(item) = items.next()
    {
        block.push(item);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap()
    }

    #[test]
    fn all_come_in_order_on_any_number_of_threads() {
        for threads in [1, 2] {
            let sum = pool(threads).install(|| {
                let items = (0..3 * BLOCK + 1).map(Ok::<_, ()>);
                relay(items, |items| {
                    items.map(Result::unwrap).eq(0..3 * BLOCK + 1)
                })
            });
            assert!(sum, "{threads}");
        }
    }

    #[test]
    fn whoever_stops_early_is_not_waited_for() {
        let first = pool(2).install(|| relay((0..).map(Ok::<u64, ()>), |items| items.next()));
        assert_eq!(first, Some(Ok(0)));
    }

    #[test]
    fn an_error_comes_in_its_place() {
        let items = [Ok(1), Err("broken"), Ok(2)];
        let until = pool(2).install(|| {
            relay(items.into_iter(), |items| {
                items.collect::<Result<Vec<_>, _>>()
            })
        });
        assert_eq!(until, Err("broken"));
    }
}
