/** Colours of directions, as in the pack's flow pictures: right is red, down yellow-green, left cyan, up violet. */

const HUES = 96
const STILL = [232, 232, 232]
const LIGHTEN = 0.25 // towards white, so that dots stand out from dark ground
const WHEEL = Array.from({ length: HUES }, (_, hue) => {
  const turn = (2 * Math.PI * hue) / HUES
  return flowColour(Math.cos(turn), Math.sin(turn), 1).map((value) => Math.round(value + LIGHTEN * (255 - value)))
})

/** [r, g, b] of a motion by (x, y) px; grey where it is less than so much. */
export function directionColour(x, y, least) {
  if (x * x + y * y < least * least) return STILL
  return WHEEL[Math.round((Math.atan2(y, x) / (2 * Math.PI)) * HUES + HUES) % HUES]
}

/** Hue is the direction of (x, y), saturation its length: [r, g, b] from 0 to 255. */
export function flowColour(x, y, largest) {
  const hue = ((Math.atan2(y, x) / (2 * Math.PI) + 1) % 1) * 6
  const missing = 255 * Math.min(Math.sqrt(x * x + y * y) / largest, 1)
  return [255 - missing * lack(5 + hue), 255 - missing * lack(3 + hue), 255 - missing * lack(1 + hue)]
}

/** How much of red (5), green (3) or blue (1) a full colour of this hue lacks. */
function lack(turn) {
  const k = turn % 6
  return Math.max(0, Math.min(k, 4 - k, 1))
}
