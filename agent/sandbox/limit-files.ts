/** Landlock, put on this thread and on the program that it executes, or on all threads. */
import type { FilesLimit } from '../model/sandbox.ts';
import { isSystemError } from '../model/system-error.ts';
import type { FilesAddon } from '../native/addon.ts';
import { makeFolder } from './file-capabilities.ts';
import { type FileNeeds, fileRules, VERSION_MIN } from './file-rights.ts';

export function limitFiles(addon: FilesAddon, needs: FileNeeds, uid: number, ofAllThreads = false): FilesLimit {
  const landlock = addon.landlockVersion();
  if (landlock === 0) return unlimited(landlock, 'the kernel has no Landlock');
  if (landlock < VERSION_MIN) return unlimited(landlock, `Landlock ${landlock} refuses links between folders`);
  try {
    // A rule is for what is there.
    for (const folder of needs.written) makeFolder(folder);
    const { handled, scoped, paths, rights } = fileRules(needs, landlock, uid, process.env);
    addon.limitFiles(handled, scoped, paths, rights, ofAllThreads);
    return { limited: true, landlock, reason: null };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return unlimited(landlock, error.message);
  }
}

function unlimited(landlock: number, reason: string): FilesLimit {
  return { limited: false, landlock, reason };
}
