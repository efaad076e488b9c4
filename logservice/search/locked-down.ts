/** The statements that make the database of the searches ready, and lock it. */
import { ADDRESS_HEX_MACROS } from '../query/address.ts';
import { CLS_MACROS } from '../query/cls-functions.ts';

/** @param path of the store */
export function lockedDown(path: string): readonly string[] {
  return [
    ...ADDRESS_HEX_MACROS,
    ...CLS_MACROS,
    // The database takes that of the host else, and a time would be another one there.
    "SET TimeZone = 'UTC'",
    `SET allowed_paths = [${literal(path)}, ${literal(`${path}.wal`)}]`,
    'SET enable_external_access = false',
    'SET autoinstall_known_extensions = false',
    'SET autoload_known_extensions = false',
    'SET allow_community_extensions = false',
    'SET lock_configuration = true',
  ];
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
