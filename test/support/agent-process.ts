import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentStatus } from '../../agent/telemetry/agent-status.ts';
import { askAgent } from './agent-socket.ts';
import { type CommandEnd, type RunningCommand, startCommand } from './command.ts';
import type { LogServiceProcess } from './log-service-process.ts';
import type { NetworkNamespace } from './network-namespace.ts';

export interface AgentOptions {
  readonly namespace: NetworkNamespace;
  /** Holds the configuration and the state. */
  readonly folder: string;
  readonly service: Pick<LogServiceProcess, 'url' | 'keys'>;
  readonly windowSeconds: number;
  readonly interfaceName?: string;
  /** YAML of a list, instead of one flow log of that interface. */
  readonly flowLogs?: string;
  /** YAML of further ones, behind it. */
  readonly furtherFlowLogs?: string;
  readonly through?: readonly string[];
  /** YAML of the section, instead of rings of 8 MiB. */
  readonly capture?: string;
  /** Further lines of the configuration. */
  readonly configuration?: string;
  /** Log services by the name of their sink, or YAML of its options, instead of the one of `cls`. */
  readonly sinks?: Readonly<Record<string, Pick<LogServiceProcess, 'url' | 'keys'> | string>>;
}

/** Of its one interface, where nothing else is configured. */
export const INTERFACE_ID = 'eni-test';

/** The built agent as a service, with a configuration and a state of its own that outlive it. */
export class AgentProcess {
  readonly stateFolder: string;
  readonly #options: AgentOptions;
  readonly #configPath: string;
  #running: RunningCommand | undefined;

  constructor(options: AgentOptions) {
    const { folder, service, windowSeconds, interfaceName = 'obs0', configuration = '' } = options;
    const own = `{ interfaces: [${interfaceName}], interfaceId: ${INTERFACE_ID}, windowSeconds: ${windowSeconds} }`;
    const flowLogs = options.flowLogs ?? `[${own}, ${options.furtherFlowLogs ?? ''}]`;
    const { capture = '{ bufferBytes: 8MiB }' } = options;
    this.#options = options;
    this.stateFolder = join(folder, 'state');
    this.#configPath = join(folder, 'flowlogd.yaml');
    const sinks = Object.entries(options.sinks ?? { cls: service }).map(
      ([name, sink]) => `  ${name}: { ${typeof sink === 'string' ? sink : clsOptions(sink)} }`,
    );
    writeFileSync(
      this.#configPath,
      `
stateDirectory: ${this.stateFolder}
hostId: test-host
flowLogs: ${flowLogs}
capture: ${capture}
sinks:
${sinks.join('\n')}
log: { level: debug }
${configuration}
`,
      { mode: 0o600 },
    );
  }

  /** Starts it without waiting for anything. */
  launch(): RunningCommand {
    const { namespace, through } = this.#options;
    const words = ['run', '--config', this.#configPath];
    this.#running = startCommand(words, { namespace, ...(through === undefined ? {} : { through }) });
    return this.#running;
  }

  /** Starts a second one on the same state. */
  launchAnother(): RunningCommand {
    return startCommand(['run', '--config', this.#configPath], { namespace: this.#options.namespace });
  }

  /** Starts it on the same state with a configuration that it refuses, and waits for its end. */
  launchMisconfigured(): Promise<CommandEnd> {
    const path = `${this.#configPath}.wrong`;
    writeFileSync(path, `${readFileSync(this.#configPath, 'utf8')}\nspool: { bytesMax: 1 }\n`, { mode: 0o600 });
    return startCommand(['run', '--config', path], { namespace: this.#options.namespace }).ended;
  }

  /** Starts it and waits until it captures. */
  async start(): Promise<RunningCommand> {
    const running = this.launch();
    await running.until(({ stderr }) => stderr.includes('"capturing"'));
    return running;
  }

  /** Undefined while it cannot be asked, such as a moment after it captures. */
  status(): Promise<AgentStatus | undefined> {
    return askAgent<AgentStatus>(this.stateFolder, '/status');
  }

  /** Its first status of which this holds, any without a condition; the test's own timeout bounds the wait. */
  async untilStatus(holds: (status: AgentStatus) => boolean = () => true, everyMs = 20): Promise<AgentStatus> {
    for (;;) {
      const status = await this.status();
      if (status !== undefined && holds(status)) return status;
      const { child, stderr } = this.#running!;
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the agent ended:\n${stderr}`);
      await sleep(everyMs);
    }
  }

  /** Waits until no batch is pending: an end has a few seconds for that, which a busy machine may need for the last windows alone. */
  async untilDelivered(): Promise<void> {
    while (this.spooled.length > 0) await sleep(20);
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<CommandEnd> {
    return this.#running!.stop(signal);
  }

  /** The process, as procfs numbers it. */
  get pid(): number {
    return this.#running!.child.pid!;
  }

  /** Every file of its state, by path, with a digest of what is in it. */
  get stateDigests(): Readonly<Record<string, string>> {
    const files = readdirSync(this.stateFolder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort();
    return Object.fromEntries(
      paths.map((path) => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]),
    );
  }

  /** Where batches are pending for a sink. */
  sinkFolder(sink = 'cls'): string {
    return join(this.stateFolder, 'spool', 'sinks', sink);
  }

  /** Batches that are pending on disk, for any sink. */
  get spooled(): readonly string[] {
    const folder = join(this.stateFolder, 'spool', 'sinks');
    return existsSync(folder) ? readdirSync(folder).flatMap((sink) => this.spooledFor(sink)) : [];
  }

  spooledFor(sink: string): readonly string[] {
    return existsSync(this.sinkFolder(sink))
      ? readdirSync(this.sinkFolder(sink)).filter((name) => name.endsWith('.flows'))
      : [];
  }
}

function clsOptions({ url, keys }: Pick<LogServiceProcess, 'url' | 'keys'>): string {
  const { secretId, secretKey } = keys;
  return `type: cls, endpoint: '${url}', topicId: flowlog, secretId: '${secretId}', secretKey: '${secretKey}'`;
}
