/**
 * The charts of a report: inline SVG for what has a shape, HTML for what has letters, so that text keeps its size at every
 * width.
 */
import { humanBytes, humanCount } from '../record/human.ts';
import { type Markup, markup } from './markup.ts';
import type { Survey } from './survey.ts';

/** The drawing's own units: it is stretched to the width that there is. */
const CHART_WIDTH = 1000;
const CHART_HEIGHT = 200;
/** Of a step's width, what stays free between two bars. */
const BAR_GAP = 0.14;
/** A single bar is a bar, too, and no wall. */
const BAR_WIDTH_MAX = 60;
const TIME_LABELS_MAX = 5;

/** Bytes of each step of the survey, as bars from the first to the last. */
export function timelineChart(survey: Survey): Markup {
  const timeline = survey.timeline();
  const first = timeline[0]?.start ?? 0;
  const last = timeline.at(-1)?.start ?? 0;
  const steps = (last - first) / survey.stepSeconds + 1;
  const top = niceCeiling(Math.max(1, ...timeline.map(({ step }) => step.bytes)));
  const width = CHART_WIDTH / steps;
  const barWidth = Math.min(width * (1 - BAR_GAP), BAR_WIDTH_MAX);
  const bars = timeline.map(({ start, step }) => {
    const x = ((start - first) / survey.stepSeconds) * width;
    const bar = (bytes: number, under: number, kind: string) =>
      rectangle(x + (width - barWidth) / 2, barWidth, bytes / top, under / top, kind);
    const accepted = step.bytes - step.rejectedBytes;
    const incomplete = step.isIncomplete ? ' – incomplete: packets were lost' : '';
    const says = `${clockText(start)}: ${humanBytes(step.bytes)}, ${humanCount(step.packets)} packets${incomplete}`;
    return markup`<g><title>${says}</title><rect class="hit" x="${round(x)}" y="0" width="${round(width)}" height="${CHART_HEIGHT}"/>${[
      bar(accepted, 0, step.isIncomplete ? 'incomplete' : 'accepted'),
      ...(step.rejectedBytes > 0 ? [bar(step.rejectedBytes, accepted, 'rejected')] : []),
    ]}</g>`;
  });
  const lines = [0.25, 0.5, 0.75].map(
    (share) =>
      markup`<line class="grid" x1="0" x2="${CHART_WIDTH}" y1="${share * CHART_HEIGHT}" y2="${share * CHART_HEIGHT}"/>`,
  );
  return markup`<div class="plot"><div class="scale"><span>${humanBytes(top)}</span><span>${humanBytes(top / 2)}</span><span>0</span></div>
<svg class="timeline" viewBox="0 0 ${CHART_WIDTH} ${CHART_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Bytes over time">${lines}${bars}</svg>
<div class="times">${timeLabels(first, last + survey.stepSeconds, Math.min(steps + 1, TIME_LABELS_MAX))}</div></div>`;
}

function rectangle(x: number, width: number, height: number, under: number, kind: string): Markup {
  const y = CHART_HEIGHT * (1 - height - under);
  return markup`<rect class="${kind}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height * CHART_HEIGHT)}"/>`;
}

function timeLabels(from: number, to: number, count: number): Markup[] {
  const labels = Array.from({ length: count }, (_, index) => from + ((to - from) * index) / (count - 1));
  return labels.map((seconds) => markup`<span>${clockText(seconds, to - from)}</span>`);
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
    let x = 0;
    const drawn = parts.map(({ kind, size }) => {
      const width = (100 * size) / longest;
      const rect = markup`<rect class="${kind}" x="${round(x)}%" y="0" width="${round(width)}%" height="100%"/>`;
      x += width;
      return rect;
    });
    return markup`<li><span class="label">${label}</span><span class="value">${value}</span><svg class="bar" aria-hidden="true">${drawn}</svg></li>`;
  })}</ol>`;
}

/** A small whole number, or a half of one, times a power of ten. */
export function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((factor) => factor * power).find((nice) => nice >= value) ?? value;
}

/** UTC; with the day where the time shown is longer than one. */
export function clockText(seconds: number, span = 0): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return `${Math.round(seconds)} s`;
  const text = date.toISOString();
  return span > 86_400 ? `${text.slice(5, 10)} ${text.slice(11, 16)}` : text.slice(11, 19);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
