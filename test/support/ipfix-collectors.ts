/** Real collectors of IPFIX: nfcapd (nfdump), nfacctd (pmacct), ipfixcol2. Each is stopped when it has read what was sent to it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CommandEnd, type RunningCommand, startProgram } from './command.ts';
import type { StoredLog } from './log-service-process.ts';
import type { NetworkNamespace } from './network-namespace.ts';

const BUFFER_BYTES = 8_388_608;

export function programMissing(name: string, of: string): string | undefined {
  const isThere = (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, name)));
  return isThere ? undefined : `skipped: there is no ${name} (${of})`;
}

/** The lines of procfs on sockets of a port, which it names in hex. */
function socketsAt(pid: number, protocol: string, port: number): readonly string[][] {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync(`/proc/${pid}/net/${protocol}`, 'utf8').split('\n');
  return lines.map((line) => line.trim().split(/\s+/)).filter(([, at]) => at?.endsWith(local));
}

/** Waits until no datagram is pending in a socket of the port. */
async function untilRead(pid: number, port: number): Promise<void> {
  while (!socketsAt(pid, 'udp', port).every((socket) => socket[4]?.endsWith(':00000000'))) await sleep(20);
}

interface Place {
  readonly folder: string;
  readonly port: number;
  readonly namespace?: NetworkNamespace | undefined;
}

/** nfcapd, and what nfdump reads of its files. */
export class Nfcapd {
  readonly #place: Place;
  readonly #logs: string[] = [];
  #running: RunningCommand | undefined;
  #starts = 0;

  constructor(place: Place) {
    this.#place = place;
  }

  get url(): string {
    return `ipfix://127.0.0.1:${this.#place.port}`;
  }

  async start(): Promise<void> {
    const { folder, port, namespace } = this.#place;
    const files = join(folder, `nfcapd-${this.#starts++}`);
    mkdirSync(files);
    const words = ['nfcapd', '-b', '127.0.0.1', '-p', `${port}`, '-w', files, '-t', '3600', '-B', `${BUFFER_BYTES}`];
    this.#running = startProgram(words, { namespace });
    await this.#running.until(({ stdout, stderr }) => `${stdout}${stderr}`.includes('Startup nfcapd'));
  }

  /** Ends it when it has read everything, and adds what it says of gaps to the others'. */
  async stop(): Promise<void> {
    const running = this.#running!;
    await untilRead(running.child.pid!, this.#place.port);
    const { stdout, stderr } = await running.stop('SIGTERM');
    this.#logs.push(`${stdout}${stderr}`);
  }

  /** Records that it found missing by the sequence numbers, in all of its runs. */
  get sequenceErrors(): number {
    const found = this.#logs.join('\n').matchAll(/Sequence Errors: (\d+), Bad Packets: (\d+)/g);
    return [...found].reduce((sum, [, errors, bad]) => sum + Number(errors) + Number(bad), 0);
  }

  get records(): readonly StoredLog[] {
    const { folder } = this.#place;
    return readdirSync(folder)
      .filter((name) => name.startsWith('nfcapd-'))
      .flatMap((name) => readdirSync(join(folder, name)).map((file) => join(folder, name, file)))
      .flatMap(nfdumpRecords);
  }
}

type NfdumpRecord = Readonly<Record<string, string | number>>;

function nfdumpRecords(file: string): readonly StoredLog[] {
  const text = execFileSync('nfdump', ['-r', file, '-o', 'json'], { encoding: 'utf8', maxBuffer: 2 ** 30 });
  // Without one it says so, as a list or not.
  const records = text.includes('{')
    ? (JSON.parse(text.slice(text.indexOf('['), text.lastIndexOf(']') + 1)) as NfdumpRecord[])
    : [];
  return records.map(
    (record) =>
      ({
        srcaddr: record['src4_addr'] ?? record['src6_addr'],
        dstaddr: record['dst4_addr'] ?? record['dst6_addr'],
        srcport: record['src_port'] ?? 0,
        dstport: record['dst_port'] ?? 0,
        protocol: record['proto'],
        packets: record['in_packets'],
        bytes: record['in_bytes'],
        first: record['first'],
        last: record['last'],
      }) as unknown as StoredLog,
  );
}

/** nfacctd, which adds up by flow. */
export class Nfacctd {
  readonly #place: Place;
  readonly #output: string;
  #running: RunningCommand | undefined;
  log = '';

  constructor(place: Place) {
    this.#place = place;
    this.#output = join(place.folder, 'nfacctd.json');
  }

  async start(): Promise<void> {
    const { folder, port } = this.#place;
    const configuration = join(folder, 'nfacctd.conf');
    const lines = [
      'daemonize: false',
      'nfacctd_ip: 127.0.0.1',
      `nfacctd_port: ${port}`,
      `nfacctd_pipe_size: ${BUFFER_BYTES}`,
      'plugins: print',
      'aggregate: src_host, dst_host, src_port, dst_port, proto',
      'print_output: json',
      `print_output_file: ${this.#output}`,
      'print_output_file_append: true',
      'print_refresh_time: 3600',
    ];
    writeFileSync(configuration, `${lines.join('\n')}\n`);
    this.#running = startProgram(['nfacctd', '-f', configuration], {});
    await this.#running.until(({ stdout, stderr }) => /JSON: setting object handlers/.test(`${stdout}${stderr}`));
  }

  /** Its last purge is done when its plugin says so, behind the end of the core. */
  async stop(): Promise<readonly { readonly packets: number; readonly bytes: number }[]> {
    const running = this.#running!;
    await untilRead(running.child.pid!, this.#place.port);
    running.child.kill('SIGINT');
    await running.until(({ stdout, stderr }) => /Purging cache - END/.test(`${stdout}${stderr}`));
    const { stdout, stderr } = await running.ended;
    this.log = `${stdout}${stderr}`;
    const lines = readFileSync(this.#output, 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line));
  }
}

type CollectedRecord = Readonly<Record<string, string | number>>;

/** ipfixcol2 over TCP and UDP at one port, which counts what the sequence numbers say is missing and complains of everything. */
export class Ipfixcol2 {
  readonly #place: Place;
  #running: RunningCommand | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  async start(): Promise<void> {
    const { folder, port } = this.#place;
    const configuration = join(folder, 'ipfixcol2.xml');
    const where = `<params><localPort>${port}</localPort><localIPAddress>127.0.0.1</localIPAddress></params>`;
    const inputs = ['tcp', 'udp'].map((name) => `<input><name>${name}</name><plugin>${name}</plugin>${where}</input>`);
    const file = `<file><name>f</name><path>${folder}/</path><prefix>flows.</prefix><timeWindow>3600</timeWindow><timeAlignment>no</timeAlignment></file>`;
    writeFileSync(
      configuration,
      `<ipfixcol2><inputPlugins>${inputs.join('')}</inputPlugins><outputPlugins><output><name>json</name><plugin>json</plugin><params>
<tcpFlags>raw</tcpFlags><timestamp>unix</timestamp><protocol>raw</protocol><ignoreUnknown>false</ignoreUnknown><ignoreOptions>false</ignoreOptions>
<outputs>${file}</outputs></params></output></outputPlugins></ipfixcol2>`,
    );
    this.#running = startProgram(['ipfixcol2', '-vv', '-c', configuration], {});
    // Its words come at its end, because it writes to a pipe.
    const pid = this.#running.child.pid!;
    while (!['tcp', 'udp'].every((protocol) => socketsAt(pid, protocol, port).length > 0)) await sleep(20);
  }

  async stop(): Promise<CommandEnd> {
    await untilRead(this.#running!.child.pid!, this.#place.port);
    return this.#running!.stop('SIGINT');
  }

  get records(): readonly CollectedRecord[] {
    const { folder } = this.#place;
    return readdirSync(folder)
      .filter((name) => name.startsWith('flows.'))
      .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean))
      .map((line) => JSON.parse(line));
  }
}
