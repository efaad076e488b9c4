/** Deletes all that lies in the folder of a sink, step by step, so that hundreds of thousands of files block nothing. */
import { setImmediate as turn } from 'node:timers/promises';
import { unlinkIfThere } from './disk.ts';
import type { SinkQueue } from './sink-queue.ts';
import { quarantineFolder } from './spool-layout.ts';
import { parseSpoolName } from './spool-name.ts';

const UNLINKS_AT_ONCE = 512;

/** Answers how many batches were pending or quarantined. @throws OperationalError `spool.unusable`; it can be begun anew then */
export async function removeQueue({ folder, index }: SinkQueue): Promise<number> {
  const { disk, path } = folder;
  const quarantine = quarantineFolder(path);
  let batches = 0;
  let files = 0;
  for (const from of [quarantine, path]) {
    const names = listed(() => disk.list(from)).filter((name) => `${from}/${name}` !== quarantine);
    for (const name of names) {
      folder.demand(() => unlinkIfThere(disk, `${from}/${name}`));
      if (from === path) index.forget(name);
      if (parseSpoolName(name) !== undefined) batches++;
      if (++files % UNLINKS_AT_ONCE === 0) await turn();
    }
    folder.attempt(() => disk.removeFolder(from));
  }
  return batches;

  function listed(list: () => readonly string[]): readonly string[] {
    let names: readonly string[] = [];
    folder.demand(() => {
      names = list();
    });
    return names;
  }
}
