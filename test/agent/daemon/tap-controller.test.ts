import { describe, expect, test } from 'vitest';
import { TapController } from '../../../agent/daemon/tap-controller.ts';
import { FLOW_LOG_DEFAULTS, type ObservationPoint } from '../../../agent/model/flow-log.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import type { TapSetup } from '../../../agent/threads/tap-manager.ts';

function point(interfaceName: string, resourceType: 'NAT' | 'NETWORKINTERFACE' = 'NETWORKINTERFACE'): ObservationPoint {
  const flowLog = { ...FLOW_LOG_DEFAULTS, id: 'fl-1', accountId: '-', windowSeconds: 60, resourceType };
  return { flowLog, interfaceId: interfaceName, interfaceName };
}
const tapOf = (of: ObservationPoint) => ({ point: of }) as TapSetup;

/** Taps and status that write down in which order they are asked; the next request may be refused. */
function controlled(startPoints: readonly ObservationPoint[] = []) {
  const calls: string[] = [];
  const refusals: Error[] = [];
  const ask = (what: string) => async (of: { readonly point: ObservationPoint } | ObservationPoint) => {
    const { interfaceName } = 'point' in of ? of.point : of;
    calls.push(`${what} ${interfaceName}`);
    const refusal = refusals.pop();
    if (refusal !== undefined) throw refusal;
  };
  const taps = { observe: ask('observe'), change: ask('change'), leave: ask('leave') };
  const status = {
    add: ({ interfaceName }: ObservationPoint) => calls.push(`status has ${interfaceName}`),
    forget: ({ interfaceName }: ObservationPoint) => calls.push(`status forgets ${interfaceName}`),
    missedInterface: (packets: number) => calls.push(`missed ${packets}`),
  };
  return { calls, refusals, taps: new TapController(taps as never, status as never, startPoints) };
}

const REFUSAL = new OperationalError('capture.no-room', 'no room');

describe('a tap of a running agent', () => {
  test('is in the status before its first event, and as long as it observes', async () => {
    const { calls, taps } = controlled();
    await taps.observe(tapOf(point('eth0')));
    await taps.leave(point('eth0'));
    expect(calls).toEqual(['status has eth0', 'observe eth0', 'leave eth0', 'status forgets eth0']);
  });

  test('that is refused leaves the status again', async () => {
    const { calls, refusals, taps } = controlled();
    refusals.push(REFUSAL);
    await expect(taps.observe(tapOf(point('eth0')))).rejects.toBe(REFUSAL);
    expect(calls).toEqual(['status has eth0', 'observe eth0', 'status forgets eth0']);
  });

  test('that changes is another one in the status', async () => {
    const { calls, taps } = controlled();
    await taps.change(tapOf(point('eth0')));
    expect(calls).toEqual(['status forgets eth0', 'status has eth0', 'change eth0']);
  });

  test('that cannot leave stays in the status', async () => {
    const { calls, refusals, taps } = controlled();
    refusals.push(REFUSAL);
    await expect(taps.leave(point('eth0'))).rejects.toBe(REFUSAL);
    expect(calls).toEqual(['leave eth0']);
  });

  test('of type NAT requires that connections were followed from the start', async () => {
    const { calls, taps } = controlled([point('eth0')]);
    await expect(taps.observe(tapOf(point('eth1', 'NAT')))).rejects.toThrow(
      'Observing eth1 for the flow log fl-1 failed: connection tracking requires a flow log of type NAT at start; ' +
        'declare it in the configuration file and restart flowlogd.',
    );
    expect(calls).toEqual([]);
    const following = controlled([point('eth0', 'NAT')]);
    await following.taps.observe(tapOf(point('eth1', 'NAT')));
    expect(following.calls).toEqual(['status has eth1', 'observe eth1']);
  });

  test('that nobody made in time is counted by its packets', () => {
    const { calls, taps } = controlled();
    taps.missed(12);
    expect(calls).toEqual(['missed 12']);
  });
});
