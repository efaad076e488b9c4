/**
 * The tools that are compared: flowlogd, the floors, and the peers that a Debian has packages for. Each says how it is run
 * over a capture and on an interface, and how to learn from its own output what it counted. All that can are given windows
 * (or an active timeout) of 60 seconds.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nativeTool } from './native-tools.ts';
import { flowlogdEntry } from './places.ts';
import { batchTotals, csvTotals, jsonTotals, matchTotals, ndjsonTotals, type Totals } from './totals.ts';

/** A run's own, empty folder, and the port of the collector, where the tool sends to one. */
export interface RunPlace {
  readonly folder: string;
  readonly port: number;
}

export interface Tool {
  readonly name: string;
  /** The Debian package, for a peer. */
  readonly package?: string;
  readonly binary?: string;
  /** Sends NetFlow v9 to the collector, which then is its output. */
  readonly collected?: true;
  readonly prepare?: (place: RunPlace) => void;
  readonly replay?: (capture: string, place: RunPlace) => readonly string[];
  readonly live?: (interfaceName: string, place: RunPlace) => readonly string[];
  /** Ends a live run and makes the tool write what it has; SIGINT when not said. */
  readonly stopSignal?: 'SIGTERM';
  /** What the tool says that it counted; undefined where it does not say. Not measured. */
  readonly totals?: (place: RunPlace) => Promise<Totals> | Totals;
}

const WINDOW = '60';
/** Those that take in packets by the million; the same records. */
const LIVE_ENGINES = ['libpcap', 'ring'] as const;
const node = process.execPath;

const floor = (name: string, mode: 'count' | 'aggregate'): Tool => ({
  name,
  replay: (capture) => [nativeTool('floor'), mode, '-r', capture],
  live: (interfaceName) => [nativeTool('floor'), mode, '-i', interfaceName],
  totals: ({ folder }) => jsonTotals(join(folder, 'out')),
});

const PMACCTD_CONFIGURATION = (folder: string) => `daemonize: false
aggregate: src_host, dst_host, src_port, dst_port, proto
plugins: print[flows]
print_output[flows]: csv
print_output_file[flows]: ${folder}/flows.csv
print_output_file_append[flows]: true
print_refresh_time[flows]: ${WINDOW}
plugin_pipe_zmq[flows]: true
plugin_pipe_zmq_profile[flows]: xlarge
plugin_pipe_zmq_hwm[flows]: 0
pmacctd_pipe_size: 67108864
`;

export const TOOLS: readonly Tool[] = [
  floor('floor-count', 'count'),
  floor('floor-aggregate', 'aggregate'),
  {
    name: 'flowlogd-batch',
    replay: (capture, { folder }) => replayCommand('batch', capture, folder),
    totals: ({ folder }) => batchTotals(join(folder, 'records')),
  },
  {
    name: 'flowlogd-ndjson',
    replay: (capture, { folder }) => replayCommand('ndjson', capture, folder),
    totals: ({ folder }) => ndjsonTotals(join(folder, 'records')),
  },
  {
    name: 'flowlogd-batch-typescript',
    replay: (capture, { folder }) => replayCommand('batch', capture, folder, '--no-wasm'),
    totals: ({ folder }) => batchTotals(join(folder, 'records')),
  },
  {
    name: 'flowlogd-batch-libpcap',
    replay: (capture, { folder }) => replayCommand('batch', capture, folder, '--engine', 'libpcap'),
    totals: ({ folder }) => batchTotals(join(folder, 'records')),
  },
  ...LIVE_ENGINES.map(
    (engine): Tool => ({
      name: `flowlogd-${engine}`,
      live: (interfaceName) => debugCommand(interfaceName, engine),
      totals: ({ folder }) => ndjsonTotals(join(folder, 'out')),
    }),
  ),
  {
    name: 'softflowd',
    package: 'softflowd',
    binary: 'softflowd',
    collected: true,
    replay: (capture, place) => [...softflowd(place), '-d', '-r', capture],
    live: (interfaceName, place) => [...softflowd(place), '-i', interfaceName, '-B', '67108864'],
    stopSignal: 'SIGTERM',
  },
  {
    name: 'nfpcapd',
    package: 'nfdump',
    binary: 'nfpcapd',
    replay: (capture, { folder }) => ['nfpcapd', '-r', capture, '-w', folder, ...NFPCAPD_CACHE],
    live: (interfaceName, { folder }) => ['nfpcapd', '-i', interfaceName, '-w', folder, ...NFPCAPD_CACHE, '-b', '64'],
    totals: ({ folder }) => {
      const summary = execFileSync('sh', ['-c', `rm -f cost.json out err; nfdump -R . -I`], {
        cwd: folder,
        encoding: 'utf8',
      });
      return matchTotals(summary, /^Packets: (\d+)/gm, /^Bytes: (\d+)/gm, /^Flows: (\d+)/gm);
    },
  },
  {
    name: 'pmacctd',
    package: 'pmacct',
    binary: 'pmacctd',
    prepare: ({ folder }) => writeFileSync(join(folder, 'pmacctd.conf'), PMACCTD_CONFIGURATION(folder)),
    replay: (capture) => ['pmacctd', '-f', 'pmacctd.conf', '-I', capture],
    live: (interfaceName) => ['pmacctd', '-f', 'pmacctd.conf', '-i', interfaceName],
    totals: ({ folder }) => csvTotals(join(folder, 'flows.csv')),
  },
  {
    name: 'argus',
    package: 'argus-server',
    binary: 'argus',
    replay: (capture) => ['argus', '-X', '-S', WINDOW, '-r', capture, '-w', 'flows.argus'],
    live: (interfaceName) => ['argus', '-X', '-S', WINDOW, '-i', interfaceName, '-w', 'flows.argus'],
    totals: ({ folder }) => {
      const summary = execFileSync('racount', ['-r', join(folder, 'flows.argus')], { encoding: 'utf8' });
      // racount: "sum records total_pkts src_pkts dst_pkts total_bytes ..."; bytes are those of the frames.
      return matchTotals(summary, /^\s*sum\s+\d+\s+(\d+)/gm, undefined, /^\s*sum\s+(\d+)/gm);
    },
  },
];

/** Active timeout as our window; the inactive one as short as nfpcapd takes. */
const NFPCAPD_CACHE = ['-e', `${WINDOW},30`, '-B', '2097152'] as const;

function replayCommand(format: 'batch' | 'ndjson', capture: string, folder: string, ...more: string[]): string[] {
  const options = ['--quiet', '--window', WINDOW, '--format', format, '-o', join(folder, 'records'), ...more];
  return [node, flowlogdEntry(), 'replay', ...options, capture];
}

function debugCommand(interfaceName: string, engine: (typeof LIVE_ENGINES)[number]): string[] {
  const options = ['--window', WINDOW, '--duration', '1h', '--format', 'ndjson', '--engine', engine];
  return [node, flowlogdEntry(), 'debug', '-i', interfaceName, ...options];
}

function softflowd({ folder, port }: RunPlace): string[] {
  const timeouts = ['-t', `maxlife=${WINDOW}`, '-t', 'expint=10'];
  return [
    'softflowd',
    '-n',
    `127.0.0.1:${port}`,
    '-v',
    '9',
    '-6',
    '-m',
    '4000000',
    ...timeouts,
    '-p',
    join(folder, 'pid'),
    '-c',
    'none',
  ];
}

/** Whether the tool can be run here. */
export function isInstalled(tool: Tool): boolean {
  if (tool.binary === undefined) return true;
  try {
    execFileSync('sh', ['-c', `command -v ${tool.binary}`], { stdio: 'ignore', env: environment() });
    return true;
  } catch {
    return false;
  }
}

/** Daemons live in folders that are not on everybody's path. */
export function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH']}:/usr/local/sbin:/usr/sbin:/sbin` };
}

/** Installs the peers' packages, and what reads argus's files. */
export function installPeers(): void {
  const packages = TOOLS.flatMap((tool) => (tool.package === undefined ? [] : [tool.package]));
  execFileSync('apt-get', ['install', '-y', '--no-install-recommends', ...packages, 'argus-client'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
