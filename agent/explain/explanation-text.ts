import { isoText } from '../model/utc-text.ts';
import { addressText, joinPort } from '../record/endpoint.ts';
import { counted, humanBytes, humanCount } from '../record/human.ts';
import { tcpFlagLetters } from '../record/table.ts';
import { wrap } from '../record/wrap.ts';
import { visible } from '../terminal/visible-text.ts';
import type { KeyFound } from './decode-trace.ts';
import { type Explanation, NUMBERS_MAX } from './explanation.ts';
import { protocolTitle } from './transport.ts';

/** What the explanation is about, beside the packet. */
export interface ExplanationContext {
  readonly file: string;
  /** With its number: `EN10MB (1)`. */
  readonly linkTypeName: string;
  readonly windowSeconds: number;
  /** The exclusion rules that were asked, by name. */
  readonly ruleNames: readonly string[];
}

const LABEL_WIDTH = 11;
const OFFSET_WIDTH = 6;

/** @param width of the terminal */
export function formatExplanation(explanation: Explanation, context: ExplanationContext, width: number): string {
  const { trace, number, captured, wire } = explanation;
  const layerWidth = Math.max(...trace.steps.map(({ layer }) => layer.length), 0);
  const lines = [
    `Packet ${number} of ${context.file}`,
    ...paragraph('time', timeText(explanation.seconds, explanation.nanoseconds), width),
    ...paragraph(
      'frame',
      `${counted(wire, 'byte')}, ${captured < wire ? `${captured} of them` : 'all'} captured; ` +
        `link type ${context.linkTypeName}`,
      width,
    ),
    '',
  ];
  for (const { layer, offset, says } of trace.steps) {
    const head = `  ${`@${offset}`.padEnd(OFFSET_WIDTH)}${layer.padEnd(layerWidth)}  `;
    lines.push(...hanging(head, says, width));
  }
  if (trace.steps.length > 0) lines.push('');
  for (const [label, text] of conclusions(explanation, context)) lines.push(...paragraph(label, text, width));
  return `${lines.map(visible).join('\n')}\n`;
}

function conclusions(explanation: Explanation, context: ExplanationContext): [string, string][] {
  const { ending } = explanation.trace;
  const { inFile } = explanation;
  const window = `${timeText(explanation.windowStart, 0)}, ${context.windowSeconds} s`;
  if (ending.kind !== 'key') {
    const kind = ending.kind === 'not-ip' ? 'not IP' : 'malformed';
    return [
      ['refused', `${kind}, at byte ${ending.offset}: ${ending.reason}.`],
      ['window', window],
      ['ledger', `counted as ${kind}, one of ${counted(inFile.packets, 'packet')} in the file`],
    ];
  }
  const lines: [string, string][] = [
    ['key', keyText(ending)],
    ['exclusion', exclusionText(explanation.ruleName, context.ruleNames)],
    ['window', window],
  ];
  const totals = `${counted(inFile.packets, 'packet')}, ${humanBytes(inFile.bytes)}`;
  if (explanation.decision === 'excluded') {
    lines.push(['ledger', `counted as excluded by rule ${explanation.ruleName}; this flow in the file: ${totals}`]);
  } else lines.push(['record', recordText(explanation)]);
  const records = explanation.decision === 'excluded' ? '' : ` in ${counted(inFile.windows, 'record')}`;
  lines.push(['in the file', `${totals}${records}: packet${inFile.packets === 1 ? '' : 's'} ${numbersText(inFile)}`]);
  return lines;
}

/** `10.0.0.1:51000 > 10.0.0.2:443/tcp`, in the form that --flow takes. */
export function flowText({ family, source, destination, sourcePort, destinationPort, protocol }: KeyFound): string {
  const hasPorts = sourcePort !== 0 || destinationPort !== 0;
  const from = joinPort(family, addressText(family, source), hasPorts ? sourcePort : undefined);
  const to = joinPort(family, addressText(family, destination), hasPorts ? destinationPort : undefined);
  const name = /\((.+)\)/.exec(protocolTitle(protocol))?.[1]?.toLowerCase() ?? String(protocol);
  return `${from} > ${to}/${name}`;
}

function keyText(key: KeyFound): string {
  const flags = key.tcpFlags === 0 ? '' : `, flags ${tcpFlagLetters(key.tcpFlags)}`;
  return `${flowText(key)}, ${counted(key.bytes, 'byte')}${flags}`;
}

function exclusionText(ruleName: string | undefined, ruleNames: readonly string[]): string {
  if (ruleName !== undefined) return `excluded by rule ${ruleName}`;
  if (ruleNames.length === 0) return 'no rules';
  return `not excluded: no match in ${ruleNames.join(', ')}`;
}

function recordText({ record }: Explanation): string {
  const { packets, bytes, first, last, tcpFlags } = record!;
  const flags = tcpFlags === 0 ? '' : `, flags ${tcpFlagLetters(tcpFlags)}`;
  return (
    `${counted(packets, 'packet')}, ${humanBytes(bytes)} in this flow and window, ` +
    `over ${(last - first).toFixed(6)} s${flags}`
  );
}

function numbersText({ packets, numbers }: Explanation['inFile']): string {
  const rest = packets - numbers.length;
  const text = numbers.map(humanCount).join(', ');
  return packets > NUMBERS_MAX ? `${text} and ${humanCount(rest)} more` : text;
}

/** ISO 8601 with the digits that are there: micro- or nanoseconds. */
export function timeText(seconds: number, nanoseconds: number): string {
  const digits = String(nanoseconds).padStart(9, '0').replace(/000$/, '');
  const fraction = nanoseconds === 0 ? '' : `.${digits}`;
  const whole = isoText(seconds);
  return whole === undefined ? `second ${seconds}${fraction}` : `${whole}${fraction}Z`;
}

function paragraph(label: string, text: string, width: number): string[] {
  return hanging(`  ${label.padEnd(LABEL_WIDTH)}  `, text, width);
}

function hanging(head: string, text: string, width: number): string[] {
  const [first = '', ...rest] = wrap(text, Math.max(width - head.length, 20));
  return [head + first, ...rest.map((line) => ' '.repeat(head.length) + line)];
}
