/** What has a meaning in a query, for queries made at random. */
export const QUERY_SYMBOLS = ['(', ')', ':', '*', '"', "'", '\\', '|', '>', '<=', '=', ' ', '10.0.0.1', '443'] as const;
