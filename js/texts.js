/** What the canvases say, in the languages of the pack. */

import { app } from '../../scripts/app.js'

const ENGLISH = {
  play: 'Play', pause: 'Pause', time: 'Time', fit: 'Fit', fitTitle: 'Show the whole picture',
  particles: 'Particles', density: 'Particles in a row', trails: 'Trails',
  show: 'Overlay', flow: 'Flow', visibility: 'Visibility', error: 'Forward-backward error', nothing: 'None',
  ground: 'Picture', start: 'Start', end: 'End', frames: 'Frames', fade: 'Start to end', other: 'Other', dark: 'None',
  wipe: 'Wipe with', noWipe: 'No wipe', clear: 'Clear points',
  flowLegend: 'hue: direction, colour: speed', visibilityLegend: 'green: seen   orange: hidden',
  errorLegend: 'green: 0 px   red: 4 px and more, on the motion grid',
  viewerCanvas: 'Paths of the trajectory. Space plays, left and right move through time, a click adds or removes a '
    + 'point, N adds one in the middle, Delete removes the last, plus and minus zoom, 0 fits.',
  runFirst: 'Run the workflow to see the motion.',
  gone: "The files of this view are gone from ComfyUI's temp folder. Run the workflow again.",
  broken: 'The paths cannot be read. Reload the page, or run the workflow again.',
  preview: 'White: frames of the clip. Blue: made. Red: after a cut. A click goes there.',
}

const CHINESE = {
  play: '播放', pause: '暂停', time: '时间', fit: '全图', fitTitle: '显示整幅图像',
  particles: '粒子', density: '每行粒子数', trails: '拖尾',
  show: '叠加', flow: '光流', visibility: '可见性', error: '前后向误差', nothing: '无',
  ground: '底图', start: '起始', end: '结束', frames: '帧', fade: '起始到结束', other: '其他', dark: '无',
  wipe: '划像对比', noWipe: '不划像', clear: '清除点',
  flowLegend: '色相：方向，饱和度：速度', visibilityLegend: '绿色：可见   橙色：被遮挡',
  errorLegend: '绿色：0 像素   红色：4 像素及以上（运动网格）',
  viewerCanvas: '轨迹的路径。空格播放，左右键移动时间，单击添加或移除点，N 在中央添加点，Delete 移除最后一点，加减号缩放，0 显示全图。',
  runFirst: '运行工作流以查看运动。',
  gone: '此视图的文件已从 ComfyUI 的临时文件夹中清除，请重新运行工作流。',
  broken: '无法读取路径。请重新加载页面，或重新运行工作流。',
  preview: '白色：原有的帧。蓝色：生成的帧。红色：切点之后。单击可跳转。',
}

export function texts() {
  const language = app.extensionManager?.setting?.get('Comfy.Locale') ?? 'en'
  return language.startsWith('zh') ? CHINESE : ENGLISH
}
