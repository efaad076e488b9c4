/** A real OpenTelemetry collector, and what it wrote to its file. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { protocolNumber } from '../../agent/record/protocol-name.ts';
import { type CommandEnd, type RunningCommand, startProgram } from './command.ts';
import type { StoredLog } from './log-service-process.ts';
import type { NetworkNamespace } from './network-namespace.ts';

const SOURCES = ['main.go', 'go.mod', 'go.sum'].map((name) => new URL(`../collector/${name}`, import.meta.url));

/** Where `scripts/build-collector.sh` puts it. */
function builtCollector(): string {
  const hash = createHash('sha256');
  for (const source of SOURCES) hash.update(readFileSync(source));
  const folder = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(folder, 'flowlogd', `otelcol-${hash.digest('hex').slice(0, 16)}`);
}

export function collectorMissing(): string | undefined {
  return existsSync(builtCollector())
    ? undefined
    : 'skipped: no OpenTelemetry collector is built (sh scripts/build-collector.sh, which needs Go)';
}

export interface CollectorOptions {
  readonly folder: string;
  readonly name: string;
  readonly port: number;
  readonly namespace?: NetworkNamespace | undefined;
  /** The port of another one, which gets what this one receives before this one answers. */
  readonly next?: number;
  /** A file with the token that senders must have. */
  readonly tokenFile?: string;
}

export type Attribute = string | number | boolean;
/** A log record of its file: attributes of the resource and its own, and its event name. */
export type CollectedRecord = Readonly<Record<string, Attribute | undefined>> & { readonly event: string };

export class CollectorProcess {
  readonly #options: CollectorOptions;
  readonly #configuration: string;
  readonly #records: string;
  #running: RunningCommand | undefined;

  constructor(options: CollectorOptions) {
    const { folder, name } = options;
    this.#options = options;
    this.#configuration = join(folder, `${name}.yaml`);
    this.#records = join(folder, `${name}.json`);
    writeFileSync(this.#configuration, configurationOf(options, this.#records));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#options.port}`;
  }

  async start(): Promise<void> {
    const words = [builtCollector(), '--config', this.#configuration];
    this.#running = startProgram(words, { namespace: this.#options.namespace });
    await this.#running.until(({ stderr }) => stderr.includes('Everything is ready'));
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<CommandEnd> {
    return this.#running!.stop(signal);
  }

  get log(): string {
    return this.#running!.stderr;
  }

  /** What stands in its file, the last line left out where a kill cut it. */
  get records(): readonly CollectedRecord[] {
    if (!existsSync(this.#records)) return [];
    const lines = readFileSync(this.#records, 'utf8').split('\n');
    return lines.filter((line) => line.endsWith('}')).flatMap((line) => recordsOf(JSON.parse(line)));
  }
}

/** Without queues: it answers when it has written, or when the next has answered. */
function configurationOf({ port, next, tokenFile }: CollectorOptions, records: string): string {
  const exporter = next === undefined ? 'file' : 'otlphttp';
  const token = tokenFile === undefined ? '' : `, auth: { authenticator: bearertokenauth }`;
  return `
extensions: { ${tokenFile === undefined ? '' : `bearertokenauth: { filename: ${tokenFile} }`} }
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:${port}${token} } } }
exporters:
  debug: { verbosity: basic }
  # With rotation it writes at once, and not from a buffer that a kill would empty.
  file: { path: ${records}, rotation: { max_megabytes: 10000 } }
  otlphttp:
    endpoint: http://127.0.0.1:${next ?? port}
    sending_queue: { enabled: false }
    retry_on_failure: { enabled: false }
service:
  extensions: [${tokenFile === undefined ? '' : 'bearertokenauth'}]
  telemetry: { metrics: { level: none } }
  pipelines:
    logs: { receivers: [otlp], exporters: [debug, ${exporter}] }
`;
}

interface PlainAttributes {
  readonly attributes?: readonly { readonly key: string; readonly value: Readonly<Record<string, Attribute>> }[];
}

interface PlainLogs {
  readonly resourceLogs: readonly {
    readonly resource: PlainAttributes;
    readonly scopeLogs: readonly {
      readonly logRecords?: readonly (PlainAttributes & { readonly eventName?: string })[];
    }[];
  }[];
}

function recordsOf({ resourceLogs }: PlainLogs): readonly CollectedRecord[] {
  return resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords = [] }) =>
      logRecords.map((record) => ({
        ...attributesOf(resource),
        ...attributesOf(record),
        event: record.eventName ?? '',
      })),
    ),
  );
}

function attributesOf({ attributes = [] }: PlainAttributes): Record<string, Attribute> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const [kind = '', plain = ''] = Object.entries(value)[0] ?? [];
      return [key, kind === 'intValue' ? Number(plain) : plain];
    }),
  );
}

/** Each record once, however often it was sent. */
export function once(records: readonly CollectedRecord[]): readonly CollectedRecord[] {
  return [...new Map(records.map((record) => [record['log.record.uid'], record])).values()];
}

/** As a log service has them, so that both can be compared. */
export function asStored(records: readonly CollectedRecord[]): readonly StoredLog[] {
  return records.map((record) => {
    const transport = record['network.transport'];
    const values: Record<string, Attribute | undefined> = {
      'interface-id': record['network.interface.name'],
      start: record['flowlogd.start'],
      srcaddr: record['source.address'],
      dstaddr: record['destination.address'],
      srcport: record['source.port'],
      dstport: record['destination.port'],
      protocol: transport === undefined ? undefined : protocolNumber(String(transport)),
      packets: record['flow.packets.delta'],
      bytes: record['flow.bytes.delta'],
      'log-status': record['flowlogd.log_status'],
      'excluded-rule': record['flowlogd.excluded.rule'],
      'excluded-srcaddr': record['flowlogd.excluded.source_address'],
      'excluded-dstaddr': record['flowlogd.excluded.destination_address'],
      'excluded-protocol': record['flowlogd.excluded.protocol'],
      'excluded-port': record['flowlogd.excluded.port'],
      'ledger-status': record['flowlogd.ledger.status'],
      'ledger-offered-packets': record['flowlogd.ledger.offered_packets'],
      'ledger-metered-packets': record['flowlogd.ledger.metered_packets'],
    };
    return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as StoredLog;
  });
}
