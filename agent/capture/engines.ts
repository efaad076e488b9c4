/**
 * The one table of capture engines. A new engine is a folder beside this file and a row here: option values, help, the
 * configuration's page, the table in docs/capture.md and the choice of a thread follow from the row. Engines are loaded when
 * they are created, so whoever reads the table needs none of them.
 */
import type { LiveEngine, SavefileEngine } from '../model/packet-source.ts';
import { loadCaptureAddon } from '../native/addon.ts';

/** How an engine captures from interfaces. */
interface LiveEngineRow {
  /** Where it can run: in a worker thread of its own, or on the main thread only. */
  readonly thread: 'worker' | 'main';
  /** Whether it can listen to the packet filter's NFLOG groups. */
  readonly listensToNflog: boolean;
  /** Whether its records tell the segmentation of their frames. */
  readonly tellsSegments: boolean;
  /** A noun phrase, for the help. */
  readonly help: string;
  /** Sentences, for the configuration's page. */
  readonly description: string;
  /** @throws OperationalError `capture.engine-missing` */
  create(): Promise<LiveEngine>;
}

/** How an engine reads capture files. */
interface SavefileEngineRow {
  /** The formats, for the help. */
  readonly formats: string;
  /** @throws OperationalError `capture.engine-missing` */
  create(): Promise<SavefileEngine>;
}

export interface EngineRow {
  readonly name: string;
  /** For the table in docs/capture.md: what it reads, what must be installed, and when to choose it. */
  readonly reads: string;
  readonly needs: string;
  readonly use: string;
  readonly live?: LiveEngineRow;
  readonly savefile?: SavefileEngineRow;
}

export const ENGINES = [
  {
    name: 'libpcap',
    reads: 'interfaces; pcap, nanosecond pcap, modified pcap, pcapng',
    needs: 'libpcap and the addon (`npm run build:native`)',
    use: 'for interfaces where `ring` cannot be; for files, to compare',
    live: {
      thread: 'worker',
      listensToNflog: true,
      tellsSegments: false,
      help: 'libpcap',
      description: '`libpcap` is flowlogd’s own binding.',
      create: async () => (await import('./libpcap/libpcap.ts')).createLibpcapEngine(loadCaptureAddon()),
    },
    savefile: {
      formats: 'pcap and pcapng, by libpcap',
      create: async () => (await import('./libpcap/libpcap.ts')).createLibpcapSavefileEngine(loadCaptureAddon()),
    },
  },
  {
    name: 'ring',
    reads: 'interfaces',
    needs: 'the addon, and libpcap for filters and for what is no network interface',
    use: 'for interfaces',
    live: {
      thread: 'worker',
      listensToNflog: true,
      tellsSegments: true,
      help: 'ring (packet rings of flowlogd’s own)',
      description:
        '`ring` reads the kernel’s packet rings itself and leaves to libpcap what is no network interface, with the same records.',
      create: async () => (await import('./ring/ring.ts')).createRingEngine(loadCaptureAddon()),
    },
  },
  {
    name: 'cap',
    reads: 'interfaces',
    needs: 'the npm package `cap` (optional)',
    use: 'where only that package is allowed',
    live: {
      thread: 'main',
      listensToNflog: false,
      tellsSegments: false,
      help: 'cap (the npm package of that name)',
      description:
        '`cap` is the npm package of that name, for hosts where the binding cannot be built: arrival times instead of packet ' +
        'times, and no drop counters.',
      create: async () => (await import('./cap/cap.ts')).createCapEngine(),
    },
  },
  {
    name: 'savefile',
    reads: 'pcap, nanosecond pcap, modified pcap, pcapng, and each of them compressed with gzip or zstd',
    needs: 'nothing native; libpcap and the addon for a filter',
    use: 'for files',
    savefile: {
      formats: 'pcap and pcapng, also compressed with gzip or zstd',
      create: async () => (await import('./savefile/savefile.ts')).createSavefileEngine(),
    },
  },
  {
    name: 'pcap-parser',
    reads: 'classic pcap 2.4 with microseconds',
    needs: 'the npm package `pcap-parser`',
    use: 'to compare with a reader that shares no code with the others',
    savefile: {
      formats: 'classic pcap, by the npm package of that name',
      create: async () => (await import('./pcap-parser/pcap-parser.ts')).createPcapParserEngine(),
    },
  },
] as const satisfies readonly EngineRow[];

/** The choice of an engine for interfaces by what the host has (choose-engine.ts). */
export const AUTO_ENGINE = 'auto';
/** For interfaces, where the kernel has what it needs. */
const PREFERRED_ENGINE = 'ring' satisfies LiveEngineName;
export const DEFAULT_SAVEFILE_ENGINE = 'savefile' satisfies SavefileEngineName;
/** What each is the default for. */
const DEFAULTS: ReadonlyMap<string, string> = new Map([
  [PREFERRED_ENGINE, 'interfaces'],
  [DEFAULT_SAVEFILE_ENGINE, 'files'],
]);

type Row = (typeof ENGINES)[number];
export type LiveEngineName = Extract<Row, { live: object }>['name'];
export type LiveEngineChoice = LiveEngineName | typeof AUTO_ENGINE;
export type SavefileEngineName = Extract<Row, { savefile: object }>['name'];

const LIVE = ENGINES.filter((row) => 'live' in row);
const SAVEFILE = ENGINES.filter((row) => 'savefile' in row);
export const LIVE_ENGINE_NAMES: readonly LiveEngineName[] = LIVE.map(({ name }) => name);
export const LIVE_ENGINE_CHOICES: readonly LiveEngineChoice[] = [AUTO_ENGINE, ...LIVE_ENGINE_NAMES];
export const SAVEFILE_ENGINE_NAMES: readonly SavefileEngineName[] = SAVEFILE.map(({ name }) => name);
export const NFLOG_ENGINE_NAMES: readonly LiveEngineName[] = LIVE.filter((row) => row.live.listensToNflog).map(
  (row) => row.name,
);

export const WIRE_ENGINE_NAMES: readonly LiveEngineName[] = LIVE.filter((row) => row.live.tellsSegments).map(
  (row) => row.name,
);

export function liveEngine(name: LiveEngineName): LiveEngineRow {
  return LIVE.find((row) => row.name === name)!.live;
}

export function savefileEngine(name: SavefileEngineName): SavefileEngineRow {
  return SAVEFILE.find((row) => row.name === name)!.savefile;
}

/** What the option `engine` of a live capture chooses between, for the configuration's page. */
export const LIVE_ENGINES_DESCRIPTION = [
  '`auto` is `ring` where the kernel has packet rings, else `libpcap`; the start names it.',
  ...LIVE.map((row) => row.live.description),
].join(' ');
/** The same for the help of a command. */
export const LIVE_ENGINES_HELP = `${LIVE.map((row) => row.live.help).join(', or ')}; auto: ring where the kernel has rings, else libpcap.`;
export const SAVEFILE_ENGINES_HELP = `${SAVEFILE.map((row) => `${row.name} (${row.savefile.formats})`).join(', or ')}.`;

/** The page of the engines with its table as the rows are now. */
export function withEnginesTable(page: string): string {
  const [begin, end] = ['<!-- engines -->\n', '<!-- /engines -->'];
  const from = page.indexOf(begin) + begin.length;
  const rows = ENGINES.map(({ name, reads, needs, use }) => {
    const title = DEFAULTS.has(name) ? `\`${name}\` (default for ${DEFAULTS.get(name)})` : `\`${name}\``;
    return `| ${[title, reads, needs, use].join(' | ')} |`;
  });
  const table = ['| engine | reads | needs | use it |', '| --- | --- | --- | --- |', ...rows].join('\n');
  return `${page.slice(0, from)}${table}\n${page.slice(page.indexOf(end, from))}`;
}
