/**
 * Templates (RFC 7011 section 3.4). Their ids are the same in every observation domain and after every restart; another version of a template, with
 * other elements for the same fields, takes other ids.
 *
 *     256 + 8 * (family is IPv6) + presence    records; presence: what only some have, PRESENCE in record-elements.ts
 *     272                                      options: the ledger of a window
 *     273                                      options: what an exclusion rule took out of a window
 *     274                                      options: what all records of the domain share
 *     275                                      options: flowlogd's own elements (RFC 5610)
 */
import { fieldSpecifier, type InformationElement } from './information-element.ts';
import { writeUint16 } from './octets.ts';
import type { RecordElement, WriteElement } from './record-elements.ts';

export const TEMPLATE_SET = 2;
export const OPTIONS_TEMPLATE_SET = 3;
export const TEMPLATE_IDS = { records: 256, ledger: 272, exclusion: 273, domain: 274, types: 275 } as const;

export interface Template {
  readonly id: number;
  /** In which set it is announced. */
  readonly setId: number;
  /** The template record. */
  readonly bytes: Uint8Array;
}

export interface RecordTemplate extends Template {
  readonly steps: readonly WriteElement[];
}

/** @param scopes how many of the elements name what the others are about; 0 for records of flows */
export function template(
  id: number,
  elements: readonly InformationElement[],
  scopes: number,
  enterprise: number | undefined,
): Template {
  const head = new Uint8Array(scopes === 0 ? 4 : 6);
  writeUint16(id, head, 0);
  writeUint16(elements.length, head, 2);
  if (scopes > 0) writeUint16(scopes, head, 4);
  const bytes = Buffer.concat([head, ...elements.map((element) => fieldSpecifier(element, enterprise))]);
  return { id, setId: scopes === 0 ? TEMPLATE_SET : OPTIONS_TEMPLATE_SET, bytes };
}

export function recordTemplate(
  family: 4 | 6,
  presence: number,
  elements: readonly RecordElement[],
  enterprise: number | undefined,
): RecordTemplate {
  const present = elements.filter((element) => (element.presence & ~presence) === 0);
  const id = TEMPLATE_IDS.records + (family === 6 ? 8 : 0) + presence;
  const described = template(
    id,
    present.map((element) => element[family]),
    0,
    enterprise,
  );
  return { ...described, steps: present.map(({ write }) => write) };
}
