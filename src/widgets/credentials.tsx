import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';
import { useEffect } from 'react';

import type { StorageError } from '../api/errors';
import type { ConfigInfo } from '../api/generated';
import type { CredentialsModel } from '../model/credentials';
import { formatLeft, uploadCaution } from '../model/credentials';
import { visibleName } from '../utils/names';
import { cautionIcon } from './icons';
import { useModel, useNow } from './panel';
import { Secrets } from './secrets';

/** From here on the time that is left is shown as a warning, in milliseconds. */
const SOON = 2 * 60_000;

interface IProps {
  config: ConfigInfo;
  model: CredentialsModel;
  /** The folders that can be chosen. */
  targets: readonly string[];
  trans: TranslationBundle;
}

/** What stands in the dialog: a question, and when it was answered, the credentials. */
export function CredentialsBody(props: IProps): ReactElement {
  const { config, model, trans } = props;
  const { error, folder, phase, vended } = useModel(model);
  if (!config.features.credentials) {
    return <NotSetUp config={config} trans={trans} />;
  }
  const caution = uploadCaution(config, folder);
  return (
    <>
      <p>
        {trans.__(
          'Makes keys for one folder that expire by themselves. Until then, whoever has them can upload to it and read what is in it, and nothing else.'
        )}
      </p>
      <Question {...props} />
      {caution && <p className="wbs-Dialog-caution">{caution}</p>}
      {error && <Refusal error={error} />}
      {phase === 'expired' && (
        <p className="wbs-Credentials-refusal" role="alert">
          {trans.__('These credentials have expired. Get new ones to go on.')}
        </p>
      )}
      {vended && (
        <section aria-label={trans.__('Credentials')}>
          <TimeLeft model={model} trans={trans} />
          <Secrets vended={vended} trans={trans} />
        </section>
      )}
    </>
  );
}

/** What to configure, where nothing can be vended. */
function NotSetUp(props: { config: ConfigInfo; trans: TranslationBundle }): ReactElement {
  const { config, trans } = props;
  return (
    <>
      <p>{trans.__('Temporary credentials are not set up on this server.')}</p>
      <p className="wbs-Dialog-caution">{config.credentialsProblem?.message}</p>
      <p>{trans.__('Set this where the Jupyter server starts, then restart it:')}</p>
      <div className="wbs-Snippet">
        <pre tabIndex={0}>WHEROBOTS_STORAGE_ROLE_ARN=arn:aws:iam::ACCOUNT:role/NAME</pre>
      </div>
    </>
  );
}

function Question(props: IProps): ReactElement {
  const { model, targets, trans } = props;
  const { folder, lifetimes, phase, seconds } = useModel(model);
  const again = phase === 'ready' || phase === 'expired';
  return (
    <form
      className="wbs-Credentials-question"
      onSubmit={event => {
        event.preventDefault();
        void model.request();
      }}
    >
      <label>
        <span>{trans.__('Folder')}</span>
        <select
          className="wbs-Select"
          value={folder}
          onChange={event => model.setFolder(event.currentTarget.value)}
        >
          {targets.map(target => (
            <option key={target} value={target}>
              {visibleName(target)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{trans.__('Valid for')}</span>
        <select
          className="wbs-Select"
          value={seconds}
          onChange={event => model.setSeconds(Number(event.currentTarget.value))}
        >
          {lifetimes.map(lifetime => (
            <option key={lifetime} value={lifetime}>
              {describeLifetime(lifetime, trans)}
            </option>
          ))}
        </select>
      </label>
      <button
        type="submit"
        className={`wbs-TextButton ${phase === 'ready' ? '' : 'wbs-mod-accept'}`}
        aria-disabled={phase === 'requesting' || undefined}
      >
        {phase === 'requesting'
          ? trans.__('Getting them…')
          : again
            ? trans.__('Get new credentials')
            : trans.__('Get credentials')}
      </button>
    </form>
  );
}

function describeLifetime(seconds: number, trans: TranslationBundle): string {
  const minutes = seconds / 60;
  return minutes % 60 !== 0
    ? trans.__('%1 minutes', minutes)
    : trans._n('%1 hour', '%1 hours', minutes / 60);
}

function Refusal(props: { error: StorageError }): ReactElement {
  const { error } = props;
  return (
    <div className="wbs-Credentials-refusal" role="alert">
      <p>{error.message}</p>
      <p className="wbs-State-code">{error.code}</p>
    </div>
  );
}

/** The countdown; at its end the credentials go. */
function TimeLeft(props: { model: CredentialsModel; trans: TranslationBundle }): ReactElement {
  const { model, trans } = props;
  const { expiresAt, vended } = useModel(model);
  const now = useNow(1000);
  useEffect(() => model.tick(), [model, now]);
  const left = expiresAt - now;
  return (
    <p className={`wbs-TimeLeft ${left < SOON ? 'wbs-mod-soon' : ''}`}>
      {left < SOON && <cautionIcon.react tag="span" className="wbs-Icon" />}
      <span>{trans.__('Expires in')}</span>
      <span role="timer" className="wbs-TimeLeft-figure">
        {formatLeft(left)}
      </span>
      <span className="wbs-muted wbs-TimeLeft-scope">{visibleName(vended?.uri ?? '')}</span>
    </p>
  );
}
