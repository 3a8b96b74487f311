/** What the pack adds to ComfyUI's page. */

import { app } from '../../scripts/app.js'
import { addPreview } from './preview_panel.js'
import { addViewer } from './viewer_panel.js'

const PANELS = { RDVFITrajectoryViewer: addViewer, RDVFIInterpolate: addPreview }

app.registerExtension({
  name: 'rdvfi',
  nodeCreated(node) {
    PANELS[node.comfyClass]?.(node)
  },
})
