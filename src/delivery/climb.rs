//! How the adaptive rate climbs back: quickly to just below the limit, slowly past it, and, once that limit seems gone,
//! steadily to the ceiling.

/// The part of the known limit up to which the rate climbs back quickly.
pub(super) const QUICK_UP_TO: f64 = 0.95;
/// The part of the known limit above which the limit is taken for gone.
pub(super) const GONE_ABOVE: f64 = 1.02;
/// How much of the known limit is added a second below it.
const QUICK: f64 = 0.5;
/// How much of the known limit is added a second around it.
const SLOW: f64 = 0.0025;
/// So many times as much where the limit was seen once only.
const UNCONFIRMED: f64 = 4.0;
/// Below this limit less, but for a quarter: so few attempts are made on the way that those refused at its end are many.
const SMALL: f64 = 5.0;
/// The most of it that is added a second above that, up to twice the limit: some time passes before a refusal is told.
const DOUBTFUL: f64 = 0.2;
/// How much of the ceiling is added a second once the limit is gone, though no more than `QUICK` of the limit or
/// `LITTLE`.
const STEADY: f64 = 1.0 / 60.0;
/// In attempts a second.
const LITTLE: f64 = 10.0;

/// What a rate below a known limit and a ceiling is so many seconds later, all in attempts a second.
/// A limit that was seen once only may have been a short dip.
pub(super) fn climbed(mut rate: f64, mut seconds: f64, limit: f64, ceiling: f64, is_confirmed: bool) -> f64 {
    let slow = limit * SLOW * if is_confirmed { (limit / SMALL).clamp(0.25, 1.0) } else { UNCONFIRMED };
    let phases = [
        (limit * QUICK_UP_TO, limit * QUICK),
        (limit * GONE_ABOVE, slow),
        (limit * 2.0, (limit * DOUBTFUL).min(ceiling * STEADY)),
        (ceiling, (ceiling * STEADY).min((limit * QUICK).max(LITTLE))),
    ];
    for (up_to, speed) in phases {
        if rate < up_to {
            let takes = (up_to - rate) / speed;
            rate = if seconds < takes { rate + seconds * speed } else { up_to };
            seconds = (seconds - takes).max(0.0);
        }
    }
    rate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_quick_below_the_limit_slow_around_it_and_steady_above() {
        let after = |seconds: f64| climbed(10.0, seconds, 20.0, 100.0, true);
        assert_eq!(after(0.0), 10.0);
        assert_eq!(after(0.5), 15.0);
        assert!((after(0.9) - 19.0).abs() < 1e-9);
        assert!((after(20.9) - 20.0).abs() < 1e-9);
        assert!((after(28.9) - 20.4).abs() < 1e-9);
        assert!((after(88.9) - 100.0).abs() < 21.0 && after(88.9) > 90.0);
        assert_eq!(after(1000.0), 100.0);
    }

    #[test]
    fn it_is_the_same_in_one_step_or_in_many() {
        let many = (0..1000).fold(1.0, |rate, _| climbed(rate, 0.05, 8.0, 50.0, true));
        assert!((many - climbed(1.0, 50.0, 8.0, 50.0, true)).abs() < 1e-6);
    }
}
