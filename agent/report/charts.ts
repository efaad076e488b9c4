/** The charts of a report: boxes whose sizes are shares, and text beside them, which keeps its size at every width. */
import { counted, humanBytes } from '../record/human.ts';
import { type Markup, markup } from './markup.ts';
import type { Drawing, Step, Stretch } from './timeline.ts';
import { axisText, durationText, spanText, timeText } from './times.ts';

const TIME_LABELS_MAX = 5;

/**
 * Bytes of each step as bars. They are radio buttons: one stop of the Tab key, from which the arrow keys continue to the next bar, and
 * a finger can choose one as well; whichever is pointed at or chosen shows its numbers above the bars.
 */
export function timelineChart(drawing: Drawing): Markup {
  const { stepSeconds, stretches } = drawing;
  const placed = stretches.flatMap((stretch) => stretch.placed);
  const top = niceCeiling(Math.max(1, ...placed.map(({ step }) => step.bytes)));
  const drawn = stretches.map(
    (stretch, index) => markup`${breakBefore(stretches, index)}${stretchBars(stretch, stepSeconds, top)}`,
  );
  return markup`<div class="plot"><div class="scale" aria-hidden="true"><span>${humanBytes(top)}</span><span>${humanBytes(top / 2)}</span><span>0</span></div>
<div class="area" role="radiogroup" aria-label="Bytes over time">
<span class="hint" aria-hidden="true">Point at a bar, or choose one with Tab and the arrow keys.</span>${drawn}</div>
<div class="times" aria-hidden="true">${timeLabels(drawing)}</div></div>${stretches.length > 1 ? stretchList(stretches) : undefined}`;
}

function stretchBars({ placed, length }: Stretch, stepSeconds: number, top: number): Markup {
  let next = placed[0]!.start;
  const bars = placed.map(({ start, step }) => {
    const empty = Math.round((start - next) / stepSeconds);
    next = start + stepSeconds;
    return markup`${empty > 0 ? markup`<span style="flex-grow:${empty}"></span>` : undefined}${stepBar(start, step, top)}`;
  });
  return markup`<div class="stretch" style="flex-grow:${length}">${bars}</div>`;
}

function stepBar(start: number, step: Step, top: number): Markup {
  const incomplete = step.isIncomplete ? ', incomplete' : '';
  const rejected = step.rejectedBytes > 0 ? `, ${humanBytes(step.rejectedBytes)} of it rejected` : '';
  const says = `${timeText(start)}: ${humanBytes(step.bytes)}, ${counted(step.packets, 'packet')}${rejected}${incomplete}`;
  const bar = (bytes: number, kind: string) =>
    bytes > 0 ? markup`<i class="${kind}" style="height:${percent(bytes, top)}"></i>` : undefined;
  return markup`<label><input type="radio" name="step" aria-label="${says}"><b class="tip" aria-hidden="true">${says}</b>${bar(
    step.rejectedBytes,
    'rejected',
  )}${bar(step.bytes - step.rejectedBytes, step.isIncomplete ? 'incomplete' : 'accepted')}</label>`;
}

/** The time that is left out before a stretch. */
function breakBefore(stretches: readonly Stretch[], index: number): Markup | undefined {
  const empty = emptySeconds(stretches, index);
  if (empty === undefined) return undefined;
  return markup`<span class="break" title="${durationText(empty)} without packets"><small>${durationText(empty)}</small></span>`;
}

function emptySeconds(stretches: readonly Stretch[], index: number): number | undefined {
  const before = stretches[index - 1];
  if (before === undefined) return undefined;
  const from = Number.isFinite(before.sum.last) ? before.sum.last : before.placed.at(-1)!.start;
  const { sum, placed } = stretches[index]!;
  return (Number.isFinite(sum.first) ? sum.first : placed[0]!.start) - from;
}

/** The same in words, where there is more than one stretch. */
function stretchList(stretches: readonly Stretch[]): Markup {
  const lines = stretches.map(({ sum, placed }, index) => {
    const empty = emptySeconds(stretches, index);
    const gap = empty === undefined ? undefined : markup`<li class="gap">${durationText(empty)} without packets</li>`;
    const span = Number.isFinite(sum.first) ? spanText(sum.first, sum.last) : timeText(placed[0]!.start);
    return markup`${gap}<li>${span}: ${humanBytes(sum.bytes)}, ${counted(sum.packets, 'packet')}</li>`;
  });
  return markup`<ol class="stretches">${lines}</ol>`;
}

/** Along one stretch; of several, whose scale is broken, the ends of all. */
function timeLabels({ stepSeconds, stretches }: Drawing): Markup[] {
  const from = stretches[0]!.placed[0]!.start;
  const to = stretches.at(-1)!.placed.at(-1)!.start + stepSeconds;
  const count = stretches.length > 1 ? 2 : Math.min(stretches[0]!.length + 1, TIME_LABELS_MAX);
  const labels = Array.from({ length: count }, (_, index) => from + ((to - from) * index) / (count - 1));
  return labels.map((seconds) => markup`<span>${axisText(seconds, to - from)}</span>`);
}

/** One line of a bar chart: a share of a whole for each kind of bar. */
export interface Bar {
  readonly label: string;
  /** What stands at the end of the line. */
  readonly value: string;
  readonly parts: readonly { readonly kind: string; readonly size: number }[];
}

/** Bars under one another, the longest of which fills the line. */
export function barChart(bars: readonly Bar[]): Markup {
  const sizeOf = ({ parts }: Bar) => parts.reduce((sum, { size }) => sum + size, 0);
  const longest = Math.max(...bars.map(sizeOf), 1);
  return markup`<ol class="bars">${bars.map(({ label, value, parts }) => {
    const drawn = parts.map(
      ({ kind, size }) => markup`<i class="${kind}" style="width:${percent(size, longest)}"></i>`,
    );
    return markup`<li><span class="label">${label}</span><span class="value">${value}</span><span class="bar" aria-hidden="true">${drawn}</span></li>`;
  })}</ol>`;
}

/** A small whole number, or a half of one, times a power of ten. */
export function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((factor) => factor * power).find((nice) => nice >= value) ?? value;
}

function percent(part: number, whole: number): string {
  return `${Math.round((10_000 * part) / whole) / 100}%`;
}
