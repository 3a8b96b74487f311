/** Colours of directions, as in the pack's flow pictures: right is red, down yellow-green, left cyan, up violet. */

export const STILL = '#e8e8e8'
const HUES = 24

/** Number of the colour of a motion by (x, y) px; -1: none to speak of. */
export function hueOf(x, y, least) {
  if (Math.hypot(x, y) < least) return -1
  const turn = Math.atan2(y, x) / (2 * Math.PI)
  return Math.round(turn * HUES + HUES) % HUES
}

export function hueColour(hue) {
  return hue < 0 ? STILL : `hsl(${(hue * 360) / HUES} 100% 60%)`
}

/** Hue is the direction of (x, y), saturation its length: [r, g, b] from 0 to 255. */
export function flowColour(x, y, largest) {
  const hue = ((Math.atan2(y, x) / (2 * Math.PI) + 1) % 1) * 6
  const saturation = Math.min(Math.hypot(x, y) / largest, 1)
  return [5, 3, 1].map((n) => {
    const k = (n + hue) % 6
    return 255 * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1)))
  })
}
