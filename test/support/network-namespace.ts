import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

let made = 0;

function has(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Why no namespace can be made here, in one line; undefined when it can. */
export function namespacesMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'skipped: making network namespaces needs root';
  if (!has('ip')) return 'skipped: making network namespaces needs the ip command (apt install iproute2)';
  const probe = `flowlogd-probe-${process.pid}`;
  try {
    execFileSync('ip', ['netns', 'add', probe], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'delete', probe], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'skipped: this machine does not let root make network namespaces';
  }
}

export function commandMissing(command: string): string | undefined {
  return has(command) ? undefined : `skipped: needs the ${command} command`;
}

/** A network namespace of its own, without IPv6's unasked-for packets, for traffic that must not leave the test. */
export class NetworkNamespace {
  readonly name = `flowlogd-${process.pid}-${made++}`;

  constructor() {
    execFileSync('ip', ['netns', 'add', this.name]);
    this.run(
      'sh',
      '-c',
      'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6',
    );
    this.ip('link', 'set', 'lo', 'up');
  }

  /** Runs `ip` inside; throws when it fails. */
  ip(...args: string[]): void {
    execFileSync('ip', ['-n', this.name, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  }

  /** Runs a command inside and answers what it printed. */
  run(command: string, ...args: string[]): string {
    const all = ['netns', 'exec', this.name, command, ...args];
    return execFileSync('ip', all, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Starts a command inside. */
  start(command: string, ...args: string[]): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.name, command, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** The processes inside. */
  processes(): string[] {
    const pids = execFileSync('ip', ['netns', 'pids', this.name], { encoding: 'utf8' });
    return pids.split('\n').filter((pid) => pid !== '');
  }

  /**
   * Two joined interfaces, both up. `near` has 10.9.0.1/24 and a fixed neighbour 10.9.0.2, so that what is sent there leaves
   * `near` and arrives at `far` without any ARP.
   */
  addPair(near: string, far: string): void {
    this.ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far);
    this.ip('address', 'add', '10.9.0.1/24', 'dev', near);
    this.ip('link', 'set', near, 'up');
    this.ip('link', 'set', far, 'up');
    this.ip('neighbour', 'replace', '10.9.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', near);
  }

  /** Waits until an interface has its carrier, as the kernel sees it some time after both ends are up: it drops what is sent before, without a word. */
  untilUp(name: string): void {
    this.run('sh', '-c', `until grep -qx up /sys/class/net/${name}/operstate; do sleep 0.01; done`);
  }

  /** Sends UDP datagrams to 10.9.0.2; each carries its number, `first` and up, as text. */
  sendDatagrams(count: number, first = 0, port = 9999): void {
    this.run(process.execPath, '-e', SENDER, String(count), String(first), String(port));
  }

  remove(): void {
    execFileSync('ip', ['netns', 'delete', this.name]);
  }
}

/** Waits for each datagram to leave before the next, in bursts: a socket's queue is short. */
const SENDER = `
  const socket = require('node:dgram').createSocket('udp4');
  const [count, first, port] = process.argv.slice(1).map(Number);
  let sent = 0;
  const next = () => {
    if (sent === count) return socket.close();
    const number = String(first + sent++);
    socket.send(number, port, '10.9.0.2', (error) => { if (error) throw error; next(); });
  };
  next();
`;

/** A child process that says what it does in lines of JSON, and is told what to do in lines of text. */
export class LineProcess<Line> {
  readonly lines: Line[] = [];
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; errors: string }>;
  readonly #child: ChildProcess;
  #changed: () => void = () => undefined;
  #isOver = false;
  #errors = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr!.on('data', (data: Buffer) => {
      this.#errors += data.toString();
    });
    createInterface(child.stdout!).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line);
      this.#changed();
    });
    this.ended = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        this.#isOver = true;
        this.#changed();
        resolve({ code, signal, errors: this.#errors });
      });
    });
  }

  /** Waits until the lines so far satisfy `condition`; the test's own timeout bounds it. */
  async until(condition: (lines: readonly Line[]) => boolean): Promise<void> {
    while (!condition(this.lines)) {
      if (this.#isOver) throw new Error(`the process ended too early: ${this.#errors}\n${JSON.stringify(this.lines)}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  tell(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  /** Ends the process's input, which it takes for the word to stop. */
  async stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null; errors: string }> {
    this.#child.stdin!.end();
    return this.ended;
  }
}
