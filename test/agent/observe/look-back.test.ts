import { describe, expect, test } from 'vitest';
import type { Cell, SearchAnswer, SearchQuestion } from '../../../agent/model/search.ts';
import { conversationText } from '../../../agent/observe/conversation-text.ts';
import { lookBack } from '../../../agent/observe/look-back.ts';
import { terminalText } from '../../../agent/terminal/styled-text.ts';

const NAMES = [
  'srcaddr',
  'dstaddr',
  'srcport',
  'dstport',
  'protocol',
  'packets',
  'bytes',
  'start',
  'end',
  'action',
  'other',
];
const FURTHER = { 'tcp-flags': '3', 'handshake-rtt': '1250', initiator: 'source', 'initiator-evidence': 'syn' };

const question: Cell[] = ['10.0.0.1', '2001:db8::1', 4000, 443, 6, 5, 500, 600, 660, 'ACCEPT', FURTHER];
const answer: Cell[] = ['2001:db8::1', '10.0.0.1', 443, 4000, 6, 4, 4000, 600, 660, 'ACCEPT', '{"tcp-flags":"19"}'];
const ledger: Cell[] = [null, null, null, null, null, 9, 9, 600, 660, null, {}];

const options = { condition: '*', fromMs: 0, toMs: 1, isSingle: false, limit: 10 };

function answering(rows: readonly (readonly Cell[])[], truncated = false) {
  const asked: SearchQuestion[] = [];
  const search = async (one: SearchQuestion): Promise<SearchAnswer> => {
    asked.push(one);
    const columns = NAMES.map((name) => ({ name, type: 'VARCHAR' }));
    return { columns, rows, truncated, elapsedMs: 1, notes: ['a note'] };
  };
  return { asked, search };
}

describe('looking back', () => {
  test('joins the two directions of a conversation, with what the fields of the records tell', async () => {
    const { asked, search } = answering([answer, question, ledger]);
    const { conversations, records, notes } = await lookBack(search, options);
    expect(conversations).toEqual([
      {
        ...{ time: '1970-01-01T00:11:00Z', interface_id: '', protocol: 'tcp', first: 600, last: 660 },
        ...{ initiator: '10.0.0.1', initiator_port: 4000, responder: '2001:db8::1', responder_port: 443 },
        ...{ packets_sent: 5, bytes_sent: 500, packets_received: 4, bytes_received: 4000 },
        ...{ handshake_us: 1250, verdict: 'ACCEPT', reject_rule: null, state: 'closed' },
      },
    ]);
    expect({ records, notes }).toEqual({ records: 3, notes: ['a note'] });
    expect(asked[0]).toMatchObject({ query: '*', limit: 10, exclude: expect.stringContaining('ledger-status:*') });
  });

  test('reports that there is more', async () => {
    const { search } = answering([question], true);
    const { notes } = await lookBack(search, { ...options, isSingle: true });
    expect(notes[0]).toBe(
      'The 1 newest records are shown, there are more: narrow the time or the condition, or raise --limit.',
    );
  });
});

describe('a line', () => {
  const lineOf = async (hasColor: boolean, change: object = {}) => {
    const [values] = (await lookBack(answering([question, answer]).search, options)).conversations;
    return terminalText(conversationText({ ...values!, ...change }, hasColor));
  };

  test('has who began, what each sent, the handshake, the verdict and the state', async () => {
    expect(await lineOf(false)).toMatch(
      /^1970-01-01T00:11:00Z +10\.0\.0\.1:4000 -> \[2001:db8::1\]:443 +tcp +5\/4 +500 B > < \S+ \w+ +1\.3 ms {2}ACCEPT {2}closed\n$/,
    );
  });

  test('has colours only where they are wanted, and no foreign sequences', async () => {
    const rejected = { verdict: 'REJECT', reject_rule: '\u001b[31mdrop\nforged', state: 'refused' };
    expect(await lineOf(false, rejected)).not.toContain('\u001b');
    const colored = await lineOf(true, rejected);
    expect(colored).toContain('\u001b[1;31mREJECT');
    expect(colored).not.toContain('\u001b[31m');
    expect(colored.trimEnd().split('\n')).toHaveLength(1);
  });
});
