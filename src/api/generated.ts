/*
 * Generated of wherobots_storage/api/schema.json by `npm run schema:generate`. Do not edit.
 */

/**
 * Anything that browser and server exchange.
 */
export type WireMessage =
  | ErrorBody
  | Listing
  | EntryDetail
  | FolderRequest
  | DeleteRequest
  | DeleteResult
  | UploadRequest
  | UploadTicket
  | UploadPart
  | UploadId
  | SyncStatus
  | SyncRequest
  | ConfigInfo
  | SyncEvent
  | JobEvent
  | CredentialsLimits
  | CredentialsRequest
  | VendedCredentials;

/**
 * The one shape of an error: a stable code, a sentence for people, the path, retry or not.
 */
export interface ErrorBody {
  code: string;
  message: string;
  path: string | null;
  retryable: boolean;
}
/**
 * A page of a folder: its own flags, some of its entries in the store's order, a cursor.
 *
 * ``reason`` says why the folder is read-only, ``caution`` what to think of before writing.
 */
export interface Listing {
  name: string;
  path: string;
  uri: string;
  mutateProtected: boolean;
  uploadProtected: boolean;
  entries: Entry[];
  cursor: string | null;
  reason: string | null;
  caution: string | null;
}
/**
 * A file or folder in a listing.
 *
 * ``protected``: it cannot be deleted. ``problem`` marks a key that can only be listed and
 * deleted, and says why.
 */
export interface Entry {
  name: string;
  path: string;
  uri: string;
  type: 'FILE' | 'FOLDER';
  protected: boolean;
  lastModified: string | null;
  size: number | null;
  etag: string | null;
  problem: string | null;
}
/**
 * One entry with what a HEAD tells beyond a listing.
 */
export interface EntryDetail {
  name: string;
  path: string;
  uri: string;
  type: 'FILE' | 'FOLDER';
  protected: boolean;
  lastModified: string | null;
  size: number | null;
  etag: string | null;
  problem: string | null;
  contentType: string | null;
  metadata: {
    [k: string]: string;
  };
}
/**
 * Make a folder.
 */
export interface FolderRequest {
  path: string;
}
/**
 * Delete files and folders; a folder's path ends with a slash.
 */
export interface DeleteRequest {
  /**
   * @minItems 1
   * @maxItems 1000
   */
  paths: string[];
}
/**
 * What a delete did at once, and the jobs that go on.
 */
export interface DeleteResult {
  deleted: string[];
  failed: DeleteFailed[];
  jobs: Job[];
}
/**
 * One path that was not deleted, and why.
 */
export interface DeleteFailed {
  path: string;
  error: ErrorBody;
}
/**
 * A long operation. ``done`` and ``total`` count objects; ``total`` is None while unknown.
 *
 * ``failed`` lists the objects that it could not deal with, the first hundred of them.
 */
export interface Job {
  id: string;
  kind: 'delete';
  path: string;
  state: 'done' | 'failed' | 'running';
  done: number;
  total: number | null;
  error: ErrorBody | null;
  failed: DeleteFailed[];
}
/**
 * Begin an upload. ``etag``: with ``replace``, the version that may be replaced.
 */
export interface UploadRequest {
  path: string;
  size: number;
  mode?: 'create' | 'replace';
  etag?: string | null;
}
/**
 * An upload in progress: send parts of ``part_size`` bytes (the last may be shorter).
 */
export interface UploadTicket {
  id: string;
  path: string;
  size: number;
  partSize: number;
  parts: UploadPart[];
}
/**
 * A part that has arrived.
 */
export interface UploadPart {
  number: number;
  etag: string;
  size: number;
}
/**
 * Names an upload.
 */
export interface UploadId {
  id: string;
}
/**
 * What the sync agent does and knows.
 *
 * ``since``: when the state was entered. ``last_synced``: when a cycle last ended with nothing
 * left to do. ``notices_total``: how many notices there are, since the lists are cut at 200.
 * ``paused``: whether no cycle begins by itself; the state says so once nothing is under way.
 * ``ignored_paths``: the largest of what the rules leave out, ``ignored_total`` how many paths.
 */
export interface SyncStatus {
  state:
    | 'disabled'
    | 'idle'
    | 'offline'
    | 'paused'
    | 'restoring'
    | 'starting'
    | 'stopped'
    | 'stopping'
    | 'syncing'
    | 'vetoed'
    | 'waiting';
  since: string;
  home: string | null;
  mirror: string | null;
  lastSynced: string | null;
  pending: Counts;
  progress: Progress | null;
  conflicts: SyncNotice[];
  skipped: SyncNotice[];
  conflictsTotal: number;
  skippedTotal: number;
  ignored: Counts;
  ignoredPaths: PathCounts[];
  ignoredTotal: number;
  lease: Lease | null;
  paused: boolean;
  veto: string | null;
  held: HeldDeletions | null;
  lastError: ErrorBody | null;
}
/**
 * How many files, and how many bytes they have.
 */
export interface Counts {
  files: number;
  bytes: number;
}
/**
 * How far a restore or a sync is. Totals are None while they are still being counted.
 */
export interface Progress {
  phase: 'deleting' | 'listing' | 'restoring' | 'scanning' | 'uploading';
  files: number;
  bytes: number;
  totalFiles: number | null;
  totalBytes: number | null;
}
/**
 * One path that is not in sync, with the reason; ``path`` is relative to the home.
 *
 * ``copy``: where a conflict's other version is kept. ``during``: what found it out; what a
 * restore refused is told until the next one.
 */
export interface SyncNotice {
  path: string;
  code: string;
  reason: string;
  size: number | null;
  copy: string | null;
  during: 'restore' | 'sync';
}
/**
 * A path relative to the home, with all below it when it is a folder (slash at the end).
 */
export interface PathCounts {
  path: string;
  files: number;
  bytes: number;
}
/**
 * Who may write the mirror.
 */
export interface Lease {
  instance: string;
  host: string;
  mine: boolean;
  expires: string | null;
}
/**
 * Deletions that a veto holds back, until somebody accepts them or the files are back.
 *
 * ``id`` names exactly these: who accepts them says it, so that no others go. ``code`` is the
 * veto's; ``paths`` are the first of them, cut as the other lists are.
 */
export interface HeldDeletions {
  id: string;
  code: string;
  files: number;
  bytes: number;
  paths: PathCounts[];
}
/**
 * Ask the agent for something. ``held``: the ``id`` of the deletions that are accepted.
 */
export interface SyncRequest {
  op: 'acceptDeletes' | 'pause' | 'resume' | 'retry' | 'sync' | 'takeover';
  held?: string | null;
}
/**
 * How the extension is set up. ``problem`` says what to set when it is not configured.
 *
 * ``credentials_problem`` says the same of temporary credentials. ``cautions``: of the writable
 * folders, those where somebody who uploads past the panel should think of something first.
 */
export interface ConfigInfo {
  configured: boolean;
  version: string;
  features: Features;
  problem: ErrorBody | null;
  credentialsProblem: ErrorBody | null;
  root: string | null;
  customer: string | null;
  home: string | null;
  writable: string[];
  cautions: {
    [k: string]: string;
  };
  environment: {
    [k: string]: string;
  };
}
/**
 * What the panel may offer.
 */
export interface Features {
  sync: boolean;
  credentials: boolean;
}
/**
 * The payload of a sync status event: the status itself.
 */
export interface SyncEvent {
  status: SyncStatus;
}
/**
 * The payload of a job's event: the job itself.
 */
export interface JobEvent {
  job: Job;
}
/**
 * What can be asked for: sessions that live ``max_seconds`` at most.
 */
export interface CredentialsLimits {
  maxSeconds: number;
}
/**
 * Make temporary credentials for a folder, or for all the user's writable ones.
 *
 * ``seconds``: how long they live, 900 to 43,200.
 */
export interface CredentialsRequest {
  path?: string | null;
  access?: 'read' | 'upload' | 'write';
  seconds?: number;
}
/**
 * Temporary credentials. ``seconds_left`` is by the server's clock, not by the browser's.
 *
 * ``scope`` names the folder that they are for; ``endpoint_url`` is None for AWS itself.
 */
export interface VendedCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiration: string;
  secondsLeft: number;
  scope: string;
  access: 'read' | 'upload' | 'write';
  uri: string;
  region: string;
  endpointUrl: string | null;
  snippets: Snippets;
}
/**
 * Credentials ready to paste; the commands upload ``my-data/`` with what stands above them.
 *
 * ``ini`` goes with ``profile_command`` and ``bash`` with ``bash_command``, in a bash; the other
 * two are for PowerShell. Without the right to upload the commands are empty.
 */
export interface Snippets {
  ini: string;
  bash: string;
  powershell: string;
  profileCommand: string;
  bashCommand: string;
  powershellCommand: string;
}
