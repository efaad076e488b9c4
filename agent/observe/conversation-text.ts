/** A conversation as one line for people. */
import { joinPort } from '../record/endpoint.ts';
import { humanBytes, humanCount } from '../record/human.ts';
import { joinText, type Style, styled, type Text } from '../terminal/styled-text.ts';
import { padEnd, padStart } from '../terminal/text-width.ts';
import { visible } from '../terminal/visible-text.ts';
import type { ConversationValues } from './columns.ts';

const END_WIDTH = 21;
const STATE_STYLES: Readonly<Record<string, Style>> = {
  reset: 'red',
  refused: 'red',
  unanswered: 'yellow',
  closed: 'dim',
};

/** The line feed included. @param hasColor whether states and verdicts are told by colours, too */
export function conversationText(values: ConversationValues, hasColor: boolean): Text {
  const shown = (style: Style | undefined, text: string): Text => (hasColor && style ? styled(style, text) : text);
  const { state, verdict, reject_rule: rule, handshake_us: handshake } = values;
  const parts: Text[] = [
    String(values.time),
    `${padStart(endText(values.initiator, values.initiator_port), END_WIDTH)} -> ${padEnd(endText(values.responder, values.responder_port), END_WIDTH)}`,
    padEnd(String(values.protocol), 6),
    padEnd(amounts(values), 30),
    padStart(typeof handshake === 'number' ? `${(handshake / 1000).toFixed(1)} ms` : '-', 9),
    shown(verdict === 'REJECT' ? 'red' : undefined, verdictText(verdict, rule)),
    shown(STATE_STYLES[String(state)], String(state)),
  ];
  return joinText([joinText(parts, '  '), '\n']);
}

function amounts(values: ConversationValues): string {
  const [sent, received] = [Number(values.packets_sent), Number(values.packets_received)];
  const bytes = `${signed(Number(values.bytes_sent), humanBytes)} > < ${signed(Number(values.bytes_received), humanBytes)}`;
  return `${signed(sent, humanCount)}/${signed(received, humanCount)}  ${bytes}`;
}

/** What was taken for accepted may be taken back once it is known to be rejected. */
function signed(count: number, text: (count: number) => string): string {
  return count < 0 ? `-${text(-count)}` : text(count);
}

function verdictText(verdict: unknown, rule: unknown): string {
  if (verdict === null) return '-';
  return rule === null ? String(verdict) : `${String(verdict)} (${visible(String(rule))})`;
}

function endText(address: unknown, port: unknown): string {
  const text = visible(String(address));
  return joinPort(text.includes(':') ? 6 : 4, text, port === 0 ? undefined : Number(port));
}
