/** Puts one of our panels into a node, and hands it what the node is told. */

import { element } from './controls.js'

const STYLE = new URL('./rdvfi.css', import.meta.url).href

/**
 * made: element, and where it has them executed(output) after a run, configured() when the node was loaded, close().
 * The panel is a widget without a value: what is kept lies in the node's properties.
 */
export function addPanel(node, name, made, { width, height, least }) {
  if (!document.querySelector(`link[href="${STYLE}"]`))
    document.head.append(element('link', { rel: 'stylesheet', href: STYLE }))
  made.element.classList.add('rdvfi')
  const widget = node.addDOMWidget(name, 'RDVFI_PANEL', made.element, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => least,
  })
  widget.serialize = false
  widget.panel = made
  after(node, 'onExecuted', (output) => made.executed?.(output))
  after(node, 'onConfigure', () => made.configured?.())
  after(node, 'onRemoved', () => made.close?.())
  node.setSize([Math.max(node.size[0], width), Math.max(node.size[1], height)])
  return widget
}

export function after(node, method, act) {
  const before = node[method]
  node[method] = function (...given) {
    const answer = before?.apply(this, given)
    act(...given)
    return answer
  }
}
