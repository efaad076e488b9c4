/** The documented rows, and the words of a list of fields, which names fields and whole rows. */
import type { ResourceType } from '../model/flow-log.ts';
import { fieldNamed } from './catalogue.ts';

/** The documented rows: of interfaces, of NAT, of CCN in the documents' order. */
export const ROW_FORMATS = {
  eni: words(
    'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status',
  ),
  nat: words(
    'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status ' +
      'pkt-srcaddr pkt-dstaddr pkt-srcport pkt-dstport',
  ),
  ccn: words(
    'srcaddr dstregionid dstport start dstaddr version packets ccn-id protocol srcregionid bytes action region-id srcport end log-status',
  ),
} as const;
export type RowFormat = keyof typeof ROW_FORMATS;

const DOCUMENTED = { NETWORKINTERFACE: ROW_FORMATS.eni, NAT: ROW_FORMATS.nat, CCN: ROW_FORMATS.ccn } as const;

export function words(text: string): readonly string[] {
  return text.split(' ');
}

/** The documented names of a resource type's row, where no others are given. */
export function fieldsOf(resourceType: ResourceType, fields: readonly string[]): readonly string[] {
  return fields.length === 0 ? DOCUMENTED[resourceType] : fields;
}

/** A word of a list of fields: a field's name, also as AWS writes it (`${srcaddr}`), or a row format. Undefined for others. */
export function fieldWord(text: string): string | undefined {
  const word = /^\$\{(.*)\}$/.exec(text)?.[1] ?? text;
  return fieldNamed(word) !== undefined || isRowFormat(word) ? word : undefined;
}

function isRowFormat(word: string): word is RowFormat {
  return Object.hasOwn(ROW_FORMATS, word);
}

/** The field names of such words, each row format being all of its fields. */
export function expandWords(fieldWords: readonly string[]): readonly string[] {
  return fieldWords.flatMap((word) => (isRowFormat(word) ? ROW_FORMATS[word] : [word]));
}
