/** Particles that run along paths, with the way behind them. */

import { hueColour, hueOf } from '../canvas/colours.js'

const RADIUS = 2.4 // CSS px
const PICKED_RADIUS = 4.5
const TRAIL = 0.2 // of the whole time
const TRAIL_STEPS = 8
const FADES = [0.25, 0.5, 0.9] // of a trail's parts, oldest first
const VELOCITY_STEP = 1 / 128
const STILL_PX = 0.5 // a motion of so many px of the motion grid from start to end counts as none
const WHOLE_STEPS = 48 // of a picked path
const EDGE = 'rgb(0 0 0 / 65%)'

/** Draws the paths of these numbers at tau. */
export function drawParticles(context, view, paths, numbers, tau, trails) {
  const groups = byHue(paths, numbers, tau)
  const seen = paths.seenAt(tau)
  for (const [hue, group] of groups) {
    const colour = hueColour(hue)
    if (trails && hue >= 0) drawTrails(context, view, paths, group, tau, colour)
    drawDots(context, view, paths, group, tau, seen, colour, RADIUS)
  }
}

/** Single paths: whole ways, and larger dots. */
export function drawPicked(context, view, paths, numbers, tau) {
  const seen = paths.seenAt(tau)
  for (const [hue, group] of byHue(paths, numbers, tau)) {
    const colour = hueColour(hue)
    const times = Array.from({ length: WHOLE_STEPS + 1 }, (_, i) => i / WHOLE_STEPS)
    const ways = times.map((t) => paths.placesAt(t, group))
    for (const [width, style] of [[3.5, EDGE], [1.5, colour]]) {
      context.lineWidth = width
      context.strokeStyle = style
      strokeWays(context, view, ways, group.length)
    }
    drawDots(context, view, paths, group, tau, seen, colour, PICKED_RADIUS)
  }
}

/** Direction at tau -> numbers of paths. */
function byHue(paths, numbers, tau) {
  const from = Math.max(tau - VELOCITY_STEP, 0)
  const to = Math.min(tau + VELOCITY_STEP, 1)
  const [before, after] = [from, to].map((t) => paths.placesAt(t, numbers))
  const [width, height] = paths.grid
  const groups = new Map()
  numbers.forEach((path, i) => {
    const [x, y] = [after[2 * i] - before[2 * i], after[2 * i + 1] - before[2 * i + 1]]
    const hue = hueOf(x * width, y * height, STILL_PX * (to - from))
    if (!groups.has(hue)) groups.set(hue, [])
    groups.get(hue).push(path)
  })
  return groups
}

function drawTrails(context, view, paths, group, tau, colour) {
  const times = Array.from({ length: TRAIL_STEPS + 1 }, (_, i) => Math.max(tau - TRAIL * (1 - i / TRAIL_STEPS), 0))
  const ways = times.map((t) => paths.placesAt(t, group))
  context.strokeStyle = colour
  context.lineWidth = 1.3
  FADES.forEach((alpha, i) => {
    const [from, to] = [i, i + 1].map((n) => Math.round((n * TRAIL_STEPS) / FADES.length))
    context.globalAlpha = alpha
    strokeWays(context, view, ways.slice(from, to + 1), group.length)
  })
  context.globalAlpha = 1
}

/** ways: places of all paths at one time after the other. */
function strokeWays(context, view, ways, count) {
  const [left, top, width, height] = view.box
  context.beginPath()
  for (let i = 0; i < count; i += 1) {
    context.moveTo(left + ways[0][2 * i] * width, top + ways[0][2 * i + 1] * height)
    for (let k = 1; k < ways.length; k += 1)
      context.lineTo(left + ways[k][2 * i] * width, top + ways[k][2 * i + 1] * height)
  }
  context.stroke()
}

/** Filled where the path is seen, rings where it is hidden. */
function drawDots(context, view, paths, group, tau, seen, colour, radius) {
  const [left, top, width, height] = view.box
  const places = paths.placesAt(tau, group)
  const [shown, hidden] = [new Path2D(), new Path2D()]
  group.forEach((path, i) => {
    const dots = seen(path) ? shown : hidden
    const [x, y] = [left + places[2 * i] * width, top + places[2 * i + 1] * height]
    dots.moveTo(x + radius, y)
    dots.arc(x, y, radius, 0, 2 * Math.PI)
  })
  context.lineWidth = 1.6
  context.strokeStyle = EDGE
  context.stroke(shown)
  context.fillStyle = colour
  context.fill(shown)
  context.lineWidth = 2.6
  context.stroke(hidden)
  context.lineWidth = 1.2
  context.strokeStyle = colour
  context.stroke(hidden)
}
