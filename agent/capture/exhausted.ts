/** What of the system ran out, by what libpcap says of it: it hands on the words of strerror(3) and no number. */

const EXHAUSTED: readonly (readonly [pattern: RegExp, text: string])[] = [
  [
    /too many open files in system/i,
    'the host has no file descriptor left (fs.file-max): see what holds them (lsof), or raise the limit.',
  ],
  [
    /too many open files/i,
    'the process has no file descriptor left (RLIMIT_NOFILE): raise LimitNOFILE= of the service (ulimit -n in a shell), or observe ' +
      'fewer interfaces.',
  ],
  [
    /cannot allocate memory/i,
    'the kernel has no memory for its packet ring, or the process too many mappings (vm.max_map_count): lower capture.memoryMax, ' +
      'observe fewer interfaces, or give the host more memory.',
  ],
];

/** The rest of a sentence about a capture that failed; undefined where nothing ran out. */
export function exhaustedText(text: string): string | undefined {
  return EXHAUSTED.find(([pattern]) => pattern.test(text))?.[1];
}
