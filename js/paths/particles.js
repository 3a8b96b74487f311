/** Particles that run along paths, with the way behind them. */

import { directionColour } from '../canvas/colours.js'
import { Raster } from '../canvas/raster.js'

const RADIUS = 2.4 // CSS px
const HIDDEN_RADIUS = 3.2 // of rings, which must leave room for what is beneath
const PICKED_RADIUS = 5
const TRAIL = 0.4 // of the whole time
const TRAIL_STEPS = 10
const TRAIL_ALPHA = 0.9 // where it is youngest
const VELOCITY_STEP = 1 / 128
const STILL_PX = 0.5 // a motion of so many px of the motion grid from start to end counts as none
const WHOLE_STEPS = 48 // of a picked path
const EDGE = 'rgb(0 0 0 / 75%)'
const PICKED = '#fff'

export class Particles {
  #raster = new Raster()

  /** Draws the paths of these numbers at tau. */
  draw(context, view, paths, numbers, tau, trails) {
    const density = context.getTransform().a
    const raster = this.#raster
    raster.clear(...view.size.map((side) => Math.round(side * density)))
    const colours = coloursAt(paths, numbers, tau)
    if (trails) drawTrails(raster, toPixels(view, density), paths, numbers, tau, colours)
    const places = toPixels(view, density)(paths.placesAt(tau, numbers))
    const seen = paths.seenAt(tau)
    numbers.forEach((path, i) => {
      const radius = seen(path) ? RADIUS : HIDDEN_RADIUS
      raster.dot(places[2 * i], places[2 * i + 1], radius * density, colours[i], seen(path), density)
    })
    context.drawImage(raster.picture(), 0, 0, ...view.size)
  }
}

/** Single paths: whole ways, and larger dots. */
export function drawPicked(context, view, paths, numbers, tau) {
  const ways = Array.from({ length: WHOLE_STEPS + 1 }, (_, i) => toPixels(view, 1)(paths.placesAt(i / WHOLE_STEPS, numbers)))
  const places = toPixels(view, 1)(paths.placesAt(tau, numbers))
  const colours = coloursAt(paths, numbers, tau).map((colour) => `rgb(${colour})`)
  const seen = paths.seenAt(tau)
  numbers.forEach((path, i) => {
    const way = new Path2D()
    for (const place of ways) way.lineTo(place[2 * i], place[2 * i + 1])
    stroke(context, way, colours[i], 2)
    const dot = new Path2D()
    dot.arc(places[2 * i], places[2 * i + 1], PICKED_RADIUS, 0, 2 * Math.PI)
    context.fillStyle = colours[i]
    if (seen(path)) context.fill(dot)
    stroke(context, dot, PICKED, 1.5)
  })
}

function stroke(context, shape, colour, width) {
  for (const [style, lineWidth] of [[EDGE, width + 2], [colour, width]]) {
    context.lineWidth = lineWidth
    context.strokeStyle = style
    context.stroke(shape)
  }
}

/** Of the directions in which the paths run at tau. */
function coloursAt(paths, numbers, tau) {
  const [from, to] = [Math.max(tau - VELOCITY_STEP, 0), Math.min(tau + VELOCITY_STEP, 1)]
  const [before, after] = [from, to].map((t) => paths.placesAt(t, numbers))
  const [width, height] = paths.grid
  return Array.from(numbers, (_, i) => {
    const [x, y] = [after[2 * i] - before[2 * i], after[2 * i + 1] - before[2 * i + 1]]
    return directionColour(x * width, y * height, STILL_PX * (to - from))
  })
}

function drawTrails(raster, pixels, paths, numbers, tau, colours) {
  const time = (step) => Math.max(tau - TRAIL * (1 - step / TRAIL_STEPS), 0)
  const before = pixels(paths.placesAt(time(0), numbers))
  for (let step = 1; step <= TRAIL_STEPS; step += 1) {
    const here = pixels(paths.placesAt(time(step), numbers))
    const alpha = (TRAIL_ALPHA * step) / TRAIL_STEPS
    for (let i = 0; i < numbers.length; i += 1) {
      const x = here[2 * i]
      const y = here[2 * i + 1]
      if (Math.abs(x - before[2 * i]) + Math.abs(y - before[2 * i + 1]) < 1) continue // until it is a pixel long
      raster.line(before[2 * i], before[2 * i + 1], x, y, colours[i], alpha)
      before[2 * i] = x
      before[2 * i + 1] = y
    }
  }
}

/** Turns relative places into pixels, in place. */
function toPixels(view, density) {
  const [left, top, width, height] = view.box.map((value) => value * density)
  return (places) => {
    for (let i = 0; i < places.length; i += 2) {
      places[i] = left + places[i] * width
      places[i + 1] = top + places[i + 1] * height
    }
    return places
  }
}
