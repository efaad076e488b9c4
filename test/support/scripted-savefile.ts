/** Savefiles whose course a test writes down: packets, a change of link type, silence, failures. */
import { OperationalError } from '../../agent/model/operational-error.ts';
import type { PacketBatch } from '../../agent/model/packet-batch.ts';
import { type PacketSource, READ, type ReadStatus, type SavefileEngine } from '../../agent/model/packet-source.ts';
import { type BatchPacket, fillBatch } from './packet-batch.ts';

/** What one read gives: packets, from now on of another link type where one is named; an error; or nothing for ever. */
export type Read =
  | { readonly linkType?: number; readonly packets: readonly BatchPacket[] }
  | OperationalError
  | 'silence';

export class ScriptedSavefile implements PacketSource {
  readonly name: string;
  readonly interfaceIndex = 0;
  linkType = 1;
  failure: OperationalError | undefined;
  isClosed = false;
  readonly #reads: Read[];

  constructor(name: string, reads: readonly Read[]) {
    this.name = name;
    this.#reads = [...reads];
  }

  read(batch: PacketBatch): ReadStatus | Promise<ReadStatus> {
    if (this.isClosed) throw new Error('read after close');
    const next = this.#reads.shift();
    if (next === undefined) return READ.end;
    if (next === 'silence') return new Promise(() => undefined);
    if (next instanceof OperationalError) {
      this.failure = next;
      return READ.failed;
    }
    this.linkType = next.linkType ?? this.linkType;
    fillBatch(batch, next.packets);
    return READ.packets;
  }

  stopIntake(): boolean {
    return false;
  }

  statistics(): never {
    throw new Error('a file counts no drops');
  }

  close(): void {
    this.isClosed = true;
  }
}

/** Opens what is written down under a path; a path without anything is refused. */
export class ScriptedSavefiles implements SavefileEngine {
  readonly name = 'libpcap';
  readonly opened: ScriptedSavefile[] = [];
  readonly #files: Readonly<Record<string, readonly Read[]>>;

  constructor(files: Readonly<Record<string, readonly Read[]>>) {
    this.#files = files;
  }

  open({ path }: { readonly path: string }): ScriptedSavefile {
    const reads = this.#files[path];
    if (reads === undefined) throw unreadable(path);
    const file = new ScriptedSavefile(path, reads);
    this.opened.push(file);
    return file;
  }
}

export function unreadable(path: string): OperationalError {
  return new OperationalError('savefile.unreadable', `Reading ${path} failed: no such file.`);
}

export function damaged(path: string): OperationalError {
  return new OperationalError('savefile.format', `${path} is damaged.`);
}
