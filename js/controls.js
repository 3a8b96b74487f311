/** Small pieces of a node's panel: buttons, sliders, lists of choices. */

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/** Rows of controls below a canvas. Their keys are theirs: the graph would move or delete its nodes. */
export function panel(...parts) {
  const made = element('div', { className: 'rdvfi-panel' }, ...parts)
  made.addEventListener('keydown', (event) => {
    if (!event.ctrlKey && !event.metaKey) event.stopPropagation()
  })
  for (const name of ['pointerdown', 'dblclick']) made.addEventListener(name, (event) => event.stopPropagation())
  return made
}

export function row(...parts) {
  return element('div', { className: 'rdvfi-row' }, ...parts)
}

export function button(text, title, act) {
  const made = element('button', { type: 'button', textContent: text, title, ariaLabel: title })
  made.addEventListener('click', act)
  return made
}

/** changed(value) while it is dragged; done() when it is let go. */
export function slider(text, { min, max, step, value }, changed, done = () => {}) {
  const input = element('input', { type: 'range', min, max, step, title: text, ariaLabel: text })
  input.value = value
  input.addEventListener('input', () => changed(Number(input.value)))
  input.addEventListener('change', done)
  return input
}

/** options: [[value, text], ...] */
export function choice(text, options, value, changed) {
  const select = element('select', { title: text, ariaLabel: text })
  select.append(...options.map(([key, shown]) => element('option', { value: key, textContent: shown })))
  select.value = value
  select.addEventListener('change', () => changed(select.value))
  return select
}

export function tick(text, value, changed) {
  const input = element('input', { type: 'checkbox', checked: value })
  input.addEventListener('change', () => changed(input.checked))
  return { input, element: element('label', { title: text }, input, text) }
}

export function labelled(text, control) {
  return element('label', {}, element('span', { textContent: text }), control)
}
