/** Kernels of detection: what a window of 100,000 records costs all rules that run by default, in ordinary traffic and among forged sources. */
import { join } from 'node:path';
import { readCatalogue } from '../../analyses/catalogue.ts';
import { Detector } from '../../detect/detector.ts';
import { createObserved, type Observed } from '../../detect/observed.ts';
import { packageRoot } from '../places.ts';
import { Random } from '../random.ts';
import type { Kernel, PreparedKernel } from './kernel.ts';

const RECORDS = 100_000;
const WINDOW_SECONDS = 60;
const START = 1_700_006_400;
const TCP = 6;
const SYN_ALONE = 2;
/** FIN, SYN, PSH and ACK: a whole connection. */
const WHOLE = 27;
const CLIENTS = 4000;
const SERVERS = 40;
const SERVICES = [443, 443, 443, 80, 5432, 8080];

export const DETECTION_KERNELS: readonly Kernel[] = [
  { name: 'detect/ordinary', item: 'record', create: () => detectionKernel(conversations) },
  { name: 'detect/forged', item: 'record', create: () => detectionKernel(forgedSources) },
];

function detectionKernel(recordsOf: (random: Random) => Observed[]): PreparedKernel {
  const detector = new Detector(readCatalogue(join(packageRoot(), 'analyses')));
  const random = new Random(1);
  let start = START;
  let records: Observed[] = [];
  return {
    items: RECORDS,
    note: `${RECORDS} a window, the end of the window included`,
    prepare() {
      start += WINDOW_SECONDS;
      records = recordsOf(random).map((record) => ({ ...record, start, end: start + WINDOW_SECONDS, first: start }));
    },
    run() {
      for (const record of records) detector.observe(record);
      detector.close({ start, end: start + WINDOW_SECONDS });
    },
  };
}

/** Both directions of each. */
function conversations(random: Random): Observed[] {
  return Array.from({ length: RECORDS / 2 }, () => {
    const client = `10.1.${random.below(CLIENTS) >> 8}.${random.below(256)}`;
    const server = `10.2.0.${random.below(SERVERS)}`;
    const clientPort = 32_768 + random.below(28_000);
    const port = SERVICES[random.below(SERVICES.length)]!;
    const both = { ...createObserved(), protocol: TCP, packets: 12, tcpFlags: WHOLE, action: 'ACCEPT' } as const;
    return [
      record({ ...both, bytes: 900, initiator: 'source' }, [client, clientPort, server, port]),
      record({ ...both, bytes: 9000, initiator: 'destination' }, [server, port, client, clientPort]),
    ];
  }).flat();
}

function forgedSources(random: Random): Observed[] {
  return Array.from({ length: RECORDS }, () => {
    const source = `${11 + random.below(180)}.${random.below(256)}.${random.below(256)}.${random.below(256)}`;
    const syn = { ...createObserved(), protocol: TCP, packets: 1, bytes: 60, tcpFlags: SYN_ALONE } as const;
    return record({ ...syn, initiator: 'source' }, [
      source,
      1024 + random.below(60_000),
      '10.2.0.1',
      random.below(1024),
    ]);
  });
}

type Endpoints = readonly [string, number, string, number];

/** Its addresses are in one piece, as those of real records are. */
function record(of: Observed, [source, sourcePort, destination, destinationPort]: Endpoints): Observed {
  const [sourceAddress, destinationAddress] = [source, destination].map((text) => Buffer.from(text).toString('latin1'));
  return {
    ...of,
    sourceAddress: sourceAddress!,
    destinationAddress: destinationAddress!,
    sourcePort,
    destinationPort,
  };
}
