/**
 * Cubics over knots in time, as `rdvfi_core.trajectory.cubic` has them: position(tau) = sum of weight_j * position_j.
 * Two knots give a straight line, three a parabola.
 */

/** Number a of the knot that opens the interval around tau. */
export function intervalOf(times, tau) {
  let a = 0
  while (a < times.length - 2 && tau >= times[a + 1]) a += 1
  return a
}

/** [[knot, weight], ...] for the position at tau: four at most. */
export function cubicWeights(times, tau) {
  const a = intervalOf(times, tau)
  const b = a + 1
  const length = times[b] - times[a]
  const s = (tau - times[a]) / length
  const valueB = s * s * (3 - 2 * s)
  const weights = new Map([[a, 1 - valueB], [b, valueB]])
  const add = (knot, weight) => weights.set(knot, (weights.get(knot) ?? 0) + weight)
  tangent(times, a, s * (1 - s) ** 2 * length, add)
  tangent(times, b, s * s * (s - 1) * length, add)
  return [...weights]
}

/** Adds the knots' weights in the tangent at a knot: the derivative of the parabola through three knots around it. */
function tangent(times, knot, factor, add) {
  if (times.length === 2) {
    const slope = factor / (times[1] - times[0])
    add(0, -slope)
    add(1, slope)
    return
  }
  const first = Math.min(Math.max(knot - 1, 0), times.length - 3)
  const t = times[knot]
  for (let j = first; j < first + 3; j += 1) {
    const others = [first, first + 1, first + 2].filter((k) => k !== j).map((k) => times[k])
    const [p, q] = others
    add(j, (factor * (2 * t - p - q)) / ((times[j] - p) * (times[j] - q)))
  }
}
