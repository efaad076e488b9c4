/** The options of a sink of type `file`, and what they become. */
import { ABSOLUTE_PATH, BOOLEAN, bytes, choice, seconds } from '../../options/kinds.ts';
import { option, required, section, type ValueOf } from '../../options/option.ts';
import { FILE_FORMATS, type FileFormat } from './file-names.ts';

export interface FileOptions {
  readonly folder: string;
  readonly format: FileFormat;
  readonly rotateSeconds: number;
  readonly rotateBytes: number;
  readonly ledgerLog: boolean;
}

const DAY_SECONDS = 86_400;
const KIB = 1024;
const GIB = 1024 ** 3;

export const FILE_SECTION = section('Files in a folder, for who ships files already: see file.md.', {
  folder: required(ABSOLUTE_PATH, {
    description:
      'Where the files are; made where it is missing. It belongs to this sink alone, and is no symbolic link.',
    example: '/var/log/flowlogd/flows',
  }),
  format: option(choice(FILE_FORMATS), 'ndjson', {
    description:
      'Of the flows: one JSON object a line, or (`text`) lines of values below the names of the fields, as the flow logs of clouds are.',
  }),
  rotateSeconds: option(seconds(1, DAY_SECONDS), '5m', {
    description: 'A file is completed when it has been written to for so long,',
  }),
  rotateBytes: option(bytes(64 * KIB, 4 * GIB), '64MiB', {
    description: 'or has reached this size. flowlogd removes no complete file.',
  }),
  ledgerLog: option(BOOLEAN, 'true', {
    description: 'Also write the ledger of each window (offered, metered, excluded, dropped ...), to files of its own.',
  }),
});

export function readFileOptions(values: ValueOf<typeof FILE_SECTION>): FileOptions {
  return { ...values, folder: values.folder.replace(/(?<=.)\/+$/, '') };
}
