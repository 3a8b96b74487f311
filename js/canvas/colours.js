/** Colours of directions, as in the pack's flow pictures: right is red, down yellow-green, left cyan, up violet. */

const HUES = 192
const STILL = [232, 232, 232]
const LIGHTEN = 0.25 // towards white, so that dots stand out from dark ground
const FULL = Array.from({ length: HUES }, (_, hue) => [5, 3, 1].map((n) => 255 * (1 - lack(n + (6 * hue) / HUES))))
const LIGHT = FULL.map((colour) => colour.map((value) => Math.round(value + LIGHTEN * (255 - value))))

/** [r, g, b] of a motion by (x, y) px; grey where it is less than so much. */
export function directionColour(x, y, least) {
  if (x * x + y * y < least * least) return STILL
  return LIGHT[hueOf(x, y)]
}

/** Into out, [r, g, b] from 0 to 255: hue is the direction of (x, y), saturation its length. */
export function flowColour(x, y, largest, out) {
  const full = FULL[hueOf(x, y)]
  const saturation = Math.min(Math.sqrt(x * x + y * y) / largest, 1)
  for (let i = 0; i < 3; i += 1) out[i] = 255 - saturation * (255 - full[i])
  return out
}

function hueOf(x, y) {
  return Math.round((Math.atan2(y, x) / (2 * Math.PI)) * HUES + HUES) % HUES
}

/** How much of red (5), green (3) or blue (1) a full colour of this hue lacks. */
function lack(turn) {
  const k = turn % 6
  return Math.max(0, Math.min(k, 4 - k, 1))
}
