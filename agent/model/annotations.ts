/**
 * What is known of a flow beside what its packets say: from the packet filter, connection tracking, the region table, the
 * host's own addresses, the flow that answers it. Written when a window is closed, never in the packet path.
 *
 * Rendered from schema/fields.ts (`UPDATE_DOCS=1 npx vitest run test/schema`).
 */
export interface Annotations {
  /** Of the field `action`. */
  action: Action;
  /** Of the field `reject-rule`. */
  rejectRule: string;
  /** Of the field `direction`. */
  direction: Direction;
  /** Of the field `initiator`. */
  initiator: Initiator;
  /** Of the field `initiator-evidence`. */
  initiatorEvidence: InitiatorEvidence;
  /** Of the field `translation`. */
  translation: Translation;
  /** Of the field `pkt-srcaddr`. */
  translatedSource0: number;
  translatedSource1: number;
  translatedSource2: number;
  translatedSource3: number;
  /** Of the field `pkt-dstaddr`. */
  translatedDestination0: number;
  translatedDestination1: number;
  translatedDestination2: number;
  translatedDestination3: number;
  /** Of the field `pkt-srcport`. */
  translatedSourcePort: number;
  /** Of the field `pkt-dstport`. */
  translatedDestinationPort: number;
  /** Of the field `srcregionid`. */
  sourceRegion: string;
  /** Of the field `dstregionid`. */
  destinationRegion: string;
  /** Of the field `handshake-rtt`. */
  handshakeMicroseconds: number;
}

export type Action = 'ACCEPT' | 'REJECT';
export type Direction = 'unknown' | 'ingress' | 'egress';
export type Initiator = 'unknown' | 'source' | 'destination';
export type InitiatorEvidence = 'none' | 'syn' | 'conntrack' | 'port';
export type Translation = 'none' | 'unmatched' | 'same' | 'matched';

/** The longest text, in UTF-8 bytes. */
export const ANNOTATION_TEXT_BYTES_MAX = 128;

export function createAnnotations(): Annotations {
  return {
    action: 'ACCEPT',
    rejectRule: '',
    direction: 'unknown',
    initiator: 'unknown',
    initiatorEvidence: 'none',
    translation: 'none',
    translatedSource0: 0,
    translatedSource1: 0,
    translatedSource2: 0,
    translatedSource3: 0,
    translatedDestination0: 0,
    translatedDestination1: 0,
    translatedDestination2: 0,
    translatedDestination3: 0,
    translatedSourcePort: 0,
    translatedDestinationPort: 0,
    sourceRegion: '',
    destinationRegion: '',
    handshakeMicroseconds: 0,
  };
}

/** Makes them those of a record of which nothing more is known. */
export function clearAnnotations(annotations: Annotations): void {
  annotations.action = 'ACCEPT';
  annotations.rejectRule = '';
  annotations.direction = 'unknown';
  annotations.initiator = 'unknown';
  annotations.initiatorEvidence = 'none';
  annotations.translation = 'none';
  annotations.translatedSource0 = 0;
  annotations.translatedSource1 = 0;
  annotations.translatedSource2 = 0;
  annotations.translatedSource3 = 0;
  annotations.translatedDestination0 = 0;
  annotations.translatedDestination1 = 0;
  annotations.translatedDestination2 = 0;
  annotations.translatedDestination3 = 0;
  annotations.translatedSourcePort = 0;
  annotations.translatedDestinationPort = 0;
  annotations.sourceRegion = '';
  annotations.destinationRegion = '';
  annotations.handshakeMicroseconds = 0;
}
