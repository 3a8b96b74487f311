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
  guidesCanvas: 'Guides from the start image to the end image. N adds one, brackets select a handle, arrows move it, '
    + 'H adds a handle in between, comma and full stop change its time, R and Shift R the radius, F brings it to the '
    + 'front, Delete removes.',
  guidesFirst: 'Run the workflow once to see the images, then drag a point to where it is in the end image.',
  look: 'Start to end image', radius: 'Radius', inFront: 'in front', addHandle: 'Handle', addHandleTitle:
    'Add a handle in between (H)', remove: 'Delete', removeTitle: 'Remove the handle, or the guide (Delete)',
  noText: 'The text in guides is not in the format; correct it, or empty it to draw anew.',
  otherAspect: 'The guides were drawn on images of another aspect. Give such images, or delete the guides.',
  hint: 'Drag from a point to where it is in the end image.',
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
  guidesCanvas: '从起始图像到结束图像的引导线。N 添加，方括号选择控制点，方向键移动，H 在中间添加控制点，逗号和句号改变其时间，'
    + 'R 和 Shift R 改变半径，F 置于前方，Delete 移除。',
  guidesFirst: '先运行一次工作流以显示图像，再把一个点拖到它在结束图像中的位置。',
  look: '起始到结束图像', radius: '半径', inFront: '在前方', addHandle: '控制点', addHandleTitle: '在中间添加控制点 (H)',
  remove: '删除', removeTitle: '移除控制点或引导线 (Delete)',
  noText: 'guides 中的文本格式不正确；请改正，或清空后重新绘制。',
  otherAspect: '引导线是在另一种宽高比的图像上绘制的。请提供相同宽高比的图像，或删除引导线。',
  hint: '从一个点拖到它在结束图像中的位置。',
  preview: '白色：原有的帧。蓝色：生成的帧。红色：切点之后。单击可跳转。',
}

export function texts() {
  const language = app.extensionManager?.setting?.get('Comfy.Locale') ?? 'en'
  return language.startsWith('zh') ? CHINESE : ENGLISH
}
