/** An hour with everything in it at once, labelled: every attack and fault of truth.ts, and innocent traffic that looks like one. */
import { Traffic } from './traffic.ts';
import { TRUTHS } from './truth.ts';

type Cells = Readonly<Record<string, string | number>>;

export function mixedHour(): Traffic {
  const traffic = new Traffic(3);
  traffic.everyday();
  for (const { add } of Object.values(TRUTHS)) add(traffic, true);
  addLookalikes(traffic);
  return traffic;
}

/** What one fault shows of another: a refused port, and one that is polled, has no service either. */
const ALSO_RIGHT: Readonly<Record<string, readonly Cells[]>> = {
  'idle-listener': [{ server: '10.0.1.1', port: 8000 }],
};

/** By analysis, cells that tell a row which is right. */
export const LABELS: ReadonlyMap<string, readonly Cells[]> = new Map(
  Object.entries(TRUTHS).map(([name, { row }]) => [name, [identityOf(row), ...(ALSO_RIGHT[name] ?? [])]]),
);

function addLookalikes(traffic: Traffic): void {
  for (let second = 0; second < 3600; second += 60) {
    traffic.connection({ client: '10.0.0.100', server: '10.0.1.2', port: 9100, at: second + 5, sent: 400 });
  }
  for (let second = 0; second < 600; second += 60) {
    traffic.connection({
      client: '10.0.2.1',
      server: '10.0.2.2',
      port: 873,
      at: second,
      sent: 50_000_000,
      received: 9000,
    });
  }
  // A session of an administrator that lasts, and a site that is visited for the first time.
  for (let second = 0; second < 3600; second += 60) {
    const session = { 'tcp-flags': 24, packets: 8, bytes: 900 };
    traffic.record(second, { ...session, srcaddr: '10.0.0.20', dstaddr: '10.0.1.3', srcport: 41_022, dstport: 22 });
    traffic.record(second, { ...session, srcaddr: '10.0.1.3', dstaddr: '10.0.0.20', srcport: 22, dstport: 41_022 });
  }
  traffic.connection({ client: '10.0.0.14', server: '198.51.100.250', port: 443, at: 3550 });
  // A browser that gives up on a dead site, and a job that polls a service while it restarts.
  for (let index = 0; index < 4; index++) {
    traffic.unanswered({ client: '10.0.0.12', server: '198.51.100.7', port: 443, at: 300 + index });
  }
  for (let index = 0; index < 40; index++) {
    traffic.refused({ client: '10.0.0.13', server: '10.0.1.3', port: 8443, at: 1200 + index });
  }
}

export function identityOf(row: Readonly<Record<string, string | number | null>>): Cells {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => typeof value === 'string')) as Cells;
}
