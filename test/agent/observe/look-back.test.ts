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
  'time',
];
const FURTHER = { 'tcp-flags': '3', 'handshake-rtt': '1250', initiator: 'source', 'initiator-evidence': 'syn' };

const question: Cell[] = [
  '10.0.0.1',
  '2001:db8::1',
  4000,
  443,
  6,
  5,
  500,
  600,
  660,
  'ACCEPT',
  FURTHER,
  '1970-01-01 00:11:00',
];
const answer: Cell[] = [
  '2001:db8::1',
  '10.0.0.1',
  443,
  4000,
  6,
  4,
  4000,
  600,
  660,
  'ACCEPT',
  '{"tcp-flags":"19"}',
  '1970-01-01 00:11:00',
];
const ledger: Cell[] = [null, null, null, null, null, 9, 9, 600, 660, null, {}, '1970-01-01 00:11:00'];

const options = { condition: '*', fromMs: 0, toMs: 1, isSingle: false, limit: 10 };

/** As the service does: the newest rows, and whether there were more. */
function answering(rows: readonly (readonly Cell[])[], limitOfService = 10_000) {
  const asked: SearchQuestion[] = [];
  const search = async (one: SearchQuestion): Promise<SearchAnswer> => {
    asked.push(one);
    const columns = NAMES.map((name) => ({ name, type: 'VARCHAR' }));
    const limit = Math.min(one.limit, limitOfService);
    return { columns, rows: rows.slice(0, limit), truncated: rows.length > limit, elapsedMs: 1, notes: ['a note'] };
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
    expect(asked[0]).toMatchObject({ query: '*', limit: 10_000, exclude: expect.stringContaining('ledger-status:*') });
  });

  /** The two directions of the conversations that ended at these times, the newest record first. */
  const ended = (...times: number[]) =>
    times
      .toSorted((left, right) => right - left)
      .flatMap((end): Cell[][] =>
        [question, answer].map((row) => {
          const swapped = row === answer;
          const record = [...row];
          record[swapped ? 3 : 2] = end;
          record[NAMES.indexOf('end')] = end;
          record[NAMES.indexOf('time')] = new Date(end * 1000).toISOString().slice(0, 19).replace('T', ' ');
          return record;
        }),
      );

  test('shows the newest conversations, each whole, whatever the limit', async () => {
    const { search } = answering(ended(2000, 1000, 3000));
    const { conversations, records, notes } = await lookBack(search, { ...options, limit: 2 });
    expect(conversations.map(({ last, state, packets_received }) => [last, state, packets_received])).toEqual([
      [2000, 'closed', 4],
      [3000, 'closed', 4],
    ]);
    expect(records).toBe(6);
    expect(notes).toEqual(['The newest 2 of 3 conversations are shown: raise --limit for more.', 'a note']);
  });

  test('a direction by itself counts as one', async () => {
    const { search } = answering(ended(2000, 3000));
    const { conversations } = await lookBack(search, { ...options, isSingle: true, limit: 3 });
    expect(conversations).toHaveLength(3);
  });

  test('says from when on it is whole where the service had more records than one search reads', async () => {
    const { search } = answering(ended(2000, 1000), 3);
    const { conversations, notes } = await lookBack(search, options);
    expect(conversations).toHaveLength(2);
    expect(notes[0]).toBe(
      'Only the newest 3 records were read, the limit of a search. Before 1970-01-01T00:16:40Z conversations are missing or incomplete: narrow the time or the condition.',
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
