/** The configuration of this process: the file when there is one, under its environment, with the sinks that there are. */
import * as zlib from 'node:zlib';
import type { Environment } from '../config/environment.ts';
import { readTextFile } from '../config/files.ts';
import { type Loaded, loadConfiguration } from '../config/load.ts';
import { SINKS } from '../export/sinks.ts';

/** @throws OperationalError `config.unreadable`, `config.invalid` */
export function loadOnHost(path: string | undefined, environment: Environment, readNamedFiles = true): Loaded {
  const zstd = 'zstdCompressSync' in zlib;
  return loadConfiguration({ path, environment, readTextFile, sinkKinds: SINKS, zstd, readNamedFiles });
}
