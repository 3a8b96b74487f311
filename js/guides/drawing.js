/** Guides on a canvas: rings where they begin, arrows where they end, dots in between. */

import { placeAt } from './document.js'

const STEPS = 40
const COLOUR = '#ffd166'
const FRONT = '#ff8fab' // of a guide that covers
const CHOSEN = '#ffffff'
const EDGE = 'rgb(0 0 0 / 75%)'
const ARROW_PX = 11

/** chosen: {guide, handle} or null. */
export function drawGuides(context, view, guides, chosen) {
  context.lineJoin = context.lineCap = 'round'
  guides.list.forEach((guide, i) => drawGuide(context, view, guide, chosen?.guide === i ? chosen.handle : null))
}

/** chosen: the chosen handle, or null where the guide is not chosen. */
function drawGuide(context, view, { points, radius, in_front }, chosen) {
  const isChosen = chosen !== null
  const colour = in_front ? FRONT : COLOUR
  const way = Array.from({ length: STEPS + 1 }, (_, i) => view.toCanvas(placeAt(points, i / STEPS)))
  const handles = points.map(([, x, y]) => view.toCanvas([x, y]))
  if (isChosen) {
    context.setLineDash([4, 4])
    for (const end of [handles[0], handles.at(-1)]) outlined(context, ring(end, radius * view.extent[0]), colour, 1)
    context.setLineDash([])
  }
  const line = new Path2D()
  way.forEach(([x, y]) => line.lineTo(x, y))
  outlined(context, line, colour, isChosen ? 2.5 : 1.5)
  handles.forEach((place, i) => {
    const last = i === handles.length - 1
    const shape = last ? arrow(way) : ring(place, i === 0 ? 5 : 3.5)
    const shade = i === chosen ? CHOSEN : colour
    if (i > 0) {
      context.fillStyle = shade
      context.fill(shape)
    }
    outlined(context, shape, shade, i === chosen ? 2.5 : 1.5)
    if (isChosen && i > 0 && !last) written(context, points[i][0].toFixed(2), place)
  })
}

function outlined(context, shape, colour, width) {
  context.lineWidth = width + 2
  context.strokeStyle = EDGE
  context.stroke(shape)
  context.lineWidth = width
  context.strokeStyle = colour
  context.stroke(shape)
}

function ring([x, y], radius) {
  const shape = new Path2D()
  shape.arc(x, y, radius, 0, 2 * Math.PI)
  return shape
}

/** At the end of the way and along it; a cross where the way has no length. */
function arrow(way) {
  const [x, y] = way.at(-1)
  const from = way.findLast((place) => Math.hypot(place[0] - x, place[1] - y) > 4)
  const shape = new Path2D()
  if (!from) {
    for (const [dx, dy] of [[3, 3], [3, -3]]) {
      shape.moveTo(x - dx, y - dy)
      shape.lineTo(x + dx, y + dy)
    }
    return shape
  }
  const angle = Math.atan2(y - from[1], x - from[0])
  shape.moveTo(x, y)
  for (const turn of [-0.42, 0.42])
    shape.lineTo(x - ARROW_PX * Math.cos(angle + turn), y - ARROW_PX * Math.sin(angle + turn))
  shape.closePath()
  return shape
}

function written(context, text, [x, y]) {
  context.font = '11px sans-serif'
  context.lineWidth = 3
  context.strokeStyle = EDGE
  context.strokeText(text, x + 7, y - 6)
  context.fillStyle = CHOSEN
  context.fillText(text, x + 7, y - 6)
}
