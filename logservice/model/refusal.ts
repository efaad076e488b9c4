/**
 * What the service says no to, as a value. Codes and statuses are the documented ones of Cloud Log Service's upload
 * endpoint (614/12402), so that an agent treats this service as it treats the real one; the last group is this service's own
 * for searches, where the documented API answers through another gateway.
 */
export const STATUS_OF = {
  InvalidAuthorization: 400,
  InvalidCompressType: 400,
  InvalidContent: 400,
  InvalidContentType: 400,
  InvalidParam: 400,
  MissingAuthorization: 400,
  MissingContent: 400,
  MissingContentType: 400,
  TopicClosed: 400,
  'AuthFailure.SecretIdNotFound': 401,
  'AuthFailure.SignatureFailure': 401,
  'AuthFailure.SignatureExpire': 401,
  LogSizeExceed: 403,
  TopicNotExist: 404,
  IndexNotExist: 404,
  NotSupported: 405,
  SpeedQuotaExceed: 429,
  InternalError: 500,

  RequestTimeout: 408,
  SyntaxError: 400,
  QueryError: 400,
  SearchTimeout: 400,
} as const;
export type ErrorCode = keyof typeof STATUS_OF;

export class Refusal {
  readonly errorcode: ErrorCode;
  /** A sentence for people. */
  readonly errormessage: string;
  /** Where in the query, counted in UTF-16 units from 0; only of a query that was not understood. */
  readonly position: number | undefined;

  constructor(errorcode: ErrorCode, errormessage: string, position?: number) {
    this.errorcode = errorcode;
    this.errormessage = errormessage;
    this.position = position;
  }

  get status(): number {
    return STATUS_OF[this.errorcode];
  }

  toJSON(): Record<string, unknown> {
    const { errorcode, errormessage, position } = this;
    return position === undefined ? { errorcode, errormessage } : { errorcode, errormessage, position };
  }
}
