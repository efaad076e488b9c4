import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Conversation } from '../../../agent/conversations/conversation.ts';
import { Conversations } from '../../../agent/conversations/conversations.ts';
import type { FlowView } from '../../../agent/conversations/flow-view.ts';

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

const flow = (parts: Partial<FlowView> = {}): FlowView => ({
  interfaceId: 'eni-1',
  protocol: 6,
  source: '10.0.0.1',
  destination: '10.0.0.2',
  sourcePort: 4000,
  destinationPort: 443,
  packets: 3,
  bytes: 300,
  first: 100,
  last: 101,
  tcpFlags: SYN | ACK,
  initiator: 'unknown',
  evidence: 'none',
  handshakeMicroseconds: undefined,
  action: 'ACCEPT',
  rejectRule: undefined,
  ...parts,
});

const answer = (parts: Partial<FlowView> = {}): FlowView =>
  flow({ source: '10.0.0.2', sourcePort: 443, destination: '10.0.0.1', destinationPort: 4000, ...parts });

const seen = (one: Conversation) => ({
  from: `${one.initiator.address}:${one.initiator.port}`,
  to: `${one.responder.address}:${one.responder.port}`,
  sent: one.sent.packets,
  received: one.received.packets,
  state: one.state,
});

function of(...flows: readonly FlowView[]) {
  const conversations = new Conversations(false);
  for (const one of flows) conversations.add(one);
  return conversations.take(seen);
}

describe('a conversation', () => {
  test('is one of both directions, from who began', () => {
    const syn = { initiator: 'destination', evidence: 'syn' } as const;
    expect(of(answer({ packets: 5, ...syn }), flow())).toEqual([
      { from: '10.0.0.1:4000', to: '10.0.0.2:443', sent: 3, received: 5, state: 'open' },
    ]);
  });

  test('begins with the earlier direction where nothing else is known', () => {
    const late = answer({ first: 200, protocol: 17 });
    expect(of(late, flow({ protocol: 17 }))[0]).toMatchObject({ from: '10.0.0.1:4000', state: 'answered' });
    expect(of(flow({ first: 300, protocol: 17 }), late)[0]).toMatchObject({ from: '10.0.0.2:443' });
  });

  test('believes a SYN before a port, whichever direction says it', () => {
    const byPort = { initiator: 'source', evidence: 'port' } as const;
    const bySyn = { initiator: 'source', evidence: 'syn' } as const;
    expect(of(flow(byPort), answer(bySyn))[0]).toMatchObject({ from: '10.0.0.2:443' });
    expect(of(answer(bySyn), flow(byPort))[0]).toMatchObject({ from: '10.0.0.2:443' });
  });

  test.each([
    ['open', SYN | ACK, SYN | ACK],
    ['closing', SYN | ACK | FIN, SYN | ACK],
    ['closed', SYN | ACK | FIN, SYN | ACK | FIN],
    ['reset', SYN | ACK, SYN | ACK | RST],
    ['refused', SYN, RST | ACK],
    ['unanswered', SYN, undefined],
  ])('is %s by the flags of TCP', (state, sent, received) => {
    const initiator = { initiator: 'source', evidence: 'syn' } as const;
    const flows = [flow({ tcpFlags: sent, ...initiator })];
    if (received !== undefined) flows.push(answer({ tcpFlags: received }));
    expect(of(...flows)[0]!.state).toBe(state);
  });

  test('is one-way without an answer, and unknown without flags', () => {
    expect(of(flow({ protocol: 1 }))[0]!.state).toBe('one-way');
    expect(of(flow({ tcpFlags: undefined }), answer({ tcpFlags: undefined }))[0]!.state).toBe('unknown');
  });

  test('remembers flags and answers, and counts anew, after it was taken', () => {
    const conversations = new Conversations(false);
    const initiator = { initiator: 'source', evidence: 'syn' } as const;
    conversations.add(flow({ tcpFlags: SYN | ACK, ...initiator }));
    conversations.add(answer());
    conversations.take(seen);
    conversations.add(flow({ packets: 1, tcpFlags: RST }));
    expect(conversations.take(seen)).toMatchObject([{ sent: 1, received: 0, state: 'reset' }]);
    expect(conversations.take(seen)).toEqual([]);
  });

  test('is rejected where any of it was', () => {
    const conversations = new Conversations(false);
    conversations.add(flow({ action: 'REJECT', rejectRule: 'drop-all' }));
    conversations.add(flow());
    expect(conversations.take(({ action, rejectRule }) => [action, rejectRule])).toEqual([['REJECT', 'drop-all']]);
  });
});

describe('conversations', () => {
  const arbitrary = fc.record({
    interfaceId: fc.constantFrom('a', 'b'),
    protocol: fc.constantFrom(1, 6, 17),
    source: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    destination: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    sourcePort: fc.constantFrom(0, 443, 4000),
    destinationPort: fc.constantFrom(0, 443, 4000),
    packets: fc.nat(1000),
    bytes: fc.nat(1_000_000),
    first: fc.nat(100),
  });

  test.each([false, true])(
    'have in both directions what their flows have, whenever they are taken (single: %s)',
    (single) => {
      fc.assert(
        fc.property(fc.array(arbitrary), fc.integer({ min: 1, max: 10 }), (parts, every) => {
          const conversations = new Conversations(single);
          const sums = { packets: 0, bytes: 0 };
          const take = () =>
            conversations.take(({ sent, received }) => {
              sums.packets += sent.packets + received.packets;
              sums.bytes += sent.bytes + received.bytes;
            });
          for (const [index, part] of parts.entries()) {
            conversations.add(flow(part));
            if (index % every === 0) take();
          }
          take();
          expect(sums).toEqual({
            packets: parts.reduce((sum, { packets }) => sum + packets, 0),
            bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
          });
        }),
      );
    },
  );

  test('are forgotten beyond the limit, the quietest first', () => {
    const conversations = new Conversations(false, 2);
    for (const sourcePort of [1, 2, 1, 3]) conversations.add(flow({ sourcePort, tcpFlags: SYN }));
    expect(conversations.take(seen)).toHaveLength(3);
    expect(conversations.forgotten).toBe(1);
    conversations.add(flow({ sourcePort: 1, tcpFlags: RST }));
    conversations.add(flow({ sourcePort: 2, tcpFlags: RST }));
    // The SYN of the second is forgotten.
    expect(conversations.take(({ state }) => state).sort()).toEqual(['refused', 'reset']);
  });
});
