"""Which features raised a score most."""

from __future__ import annotations

from schemas.jit import kernel

NO_REASON = -1


@kernel
def choose_reasons(X, parts, states, reasons, values, raised, reason_states):
    """Write for each row the features that raised its score, largest first; of equals the first.

    Parameters
    ----------
    X, parts : ndarray of float64, shape (n, n_features)
        Values, and what each added to the log-odds.
    states : ndarray of uint8, shape (n, n_features)
    reasons : ndarray of int64, shape (n, most)
        Gets their places; all are NO_REASON beforehand, and stay so behind the last one.
    values, raised : ndarray of float64, shape (n, most)
        Get their values, and what each added.
    reason_states : ndarray of uint8, shape (n, most)
        Gets the states of the values.
    """
    for i in range(parts.shape[0]):
        for k in range(reasons.shape[1]):
            best = next_largest(parts[i], reasons[i, :k])
            if best == NO_REASON:
                break
            reasons[i, k] = best
            values[i, k] = X[i, best]
            raised[i, k] = parts[i, best]
            reason_states[i, k] = states[i, best]


@kernel
def next_largest(parts, before):
    """Return the place of the largest part above 0 that is not among those before."""
    best = NO_REASON
    for j in range(parts.shape[0]):
        taken = False
        for place in before:
            taken = taken or place == j
        if not taken and parts[j] > (0.0 if best == NO_REASON else parts[best]):
            best = j
    return best
