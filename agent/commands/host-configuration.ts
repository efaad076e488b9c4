/** The configuration of this process: the file when there is one, under its environment, with the sinks that there are. */
import { release } from 'node:os';
import * as zlib from 'node:zlib';
import { udpSegmentsWarning } from '../capture/udp-segments.ts';
import type { Environment } from '../config/environment.ts';
import { readTextFile } from '../config/files.ts';
import { type Configuration, type Loaded, loadConfiguration } from '../config/load.ts';
import { SINKS } from '../export/sinks.ts';
import { wireFieldsOf } from '../model/flow-log.ts';

/** @throws OperationalError `config.unreadable`, `config.invalid` */
export function loadOnHost(
  path: string | undefined,
  environment: Environment,
  readNamedFiles = true,
  kernel = release(),
): Loaded {
  const zstd = 'zstdCompressSync' in zlib;
  const loaded = loadConfiguration({ path, environment, readTextFile, sinkKinds: SINKS, zstd, readNamedFiles });
  return { ...loaded, warnings: [...loaded.warnings, ...segmentWarnings(loaded.configuration, kernel)] };
}

function segmentWarnings({ flowLogs }: Configuration, kernel: string): string[] {
  const asked = flowLogs.filter(({ count, fields }) => count === 'wire' || wireFieldsOf(fields).length > 0);
  const names = asked.map(({ name }) => name);
  const warning = names.length === 0 ? undefined : udpSegmentsWarning(kernel);
  return warning === undefined ? [] : [`flow logs ${names.join(', ')}: ${warning}`];
}
