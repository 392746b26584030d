import type { TranslationBundle } from '@jupyterlab/translation';
import type { KeyboardEvent, ReactElement } from 'react';
import { useEffect, useId, useRef, useState } from 'react';

import type { VendedCredentials } from '../api/generated';
import { MASK, maskSnippet } from '../model/credentials';
import { copyText } from '../utils/clipboard';
import { Button } from './button';
import { checkIcon, copyIcon, eyeIcon, eyeOffIcon } from './icons';

/** How long a copy button says that it has copied, in milliseconds. */
const DONE_FOR = 1500;

/** What was vended: each part of it, and what to paste. */
export function Secrets(props: {
  vended: VendedCredentials;
  trans: TranslationBundle;
}): ReactElement {
  const { vended, trans } = props;
  const fields = [
    [trans.__('Access key id'), vended.accessKeyId],
    [trans.__('Secret access key'), vended.secretAccessKey],
    [trans.__('Session token'), vended.sessionToken]
  ] as const;
  return (
    <>
      <dl className="wbs-Secrets">
        {fields.map(([name, value]) => (
          <Secret key={name} name={name} value={value} trans={trans} />
        ))}
      </dl>
      <Snippets vended={vended} trans={trans} />
    </>
  );
}

function Secret(props: { name: string; value: string; trans: TranslationBundle }): ReactElement {
  const { name, value, trans } = props;
  const [shown, setShown] = useState(false);
  return (
    <div className="wbs-Secret">
      <dt>{name}</dt>
      <dd>
        {/* What is not shown is not in the document. */}
        <code className="wbs-Secret-value">{shown ? value : MASK}</code>
        <Show what={name} shown={shown} onToggle={() => setShown(!shown)} trans={trans} />
        <Copy what={name} text={value} onRefused={() => setShown(true)} trans={trans} />
      </dd>
    </div>
  );
}

/** The same keys for three ways of using them, each with the command that goes with it. */
function Snippets(props: { vended: VendedCredentials; trans: TranslationBundle }): ReactElement {
  const { trans } = props;
  const { snippets } = props.vended;
  const [chosen, setChosen] = useState(0);
  const id = useId();
  const paste = trans.__('Paste this into the shell, and the command after it:');
  const tabs = [
    {
      title: '~/.aws/credentials',
      hint: trans.__('Put this into ~/.aws/credentials, in place of an earlier [wherobots] block:'),
      text: snippets.ini,
      command: snippets.profileCommand
    },
    { title: 'bash', hint: paste, text: snippets.bash, command: snippets.bashCommand },
    {
      title: 'PowerShell',
      hint: paste,
      text: snippets.powershell,
      command: snippets.powershellCommand
    }
  ];
  const { hint, text, command, title } = tabs[chosen]!;
  return (
    <div className="wbs-Snippets">
      <TabList id={id} titles={tabs.map(tab => tab.title)} chosen={chosen} onChoose={setChosen} />
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${chosen}`}>
        <p>{hint}</p>
        <SecretBlock key={title} what={title} text={text} trans={trans} />
        <p>{trans.__('Then upload a folder, here my-data:')}</p>
        <div className="wbs-Snippet">
          <pre tabIndex={0} aria-label={trans.__('The command')}>
            {command}
          </pre>
          <div className="wbs-Snippet-buttons">
            <Copy what={trans.__('The command')} text={command} trans={trans} />
          </div>
        </div>
      </div>
    </div>
  );
}

function TabList(props: {
  id: string;
  titles: readonly string[];
  chosen: number;
  onChoose: (index: number) => void;
}): ReactElement {
  const { id, titles, chosen, onChoose } = props;
  const list = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const last = titles.length - 1;
    const next = {
      ArrowRight: chosen === last ? 0 : chosen + 1,
      ArrowLeft: chosen === 0 ? last : chosen - 1,
      Home: 0,
      End: last
    }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      onChoose(next);
      list.current?.querySelectorAll<HTMLElement>('[role="tab"]')[next]?.focus();
    }
  };
  return (
    <div className="wbs-Tabs" role="tablist" ref={list} onKeyDown={onKeyDown}>
      {titles.map((title, index) => (
        <button
          key={title}
          type="button"
          role="tab"
          className="wbs-Tab"
          id={`${id}-${index}`}
          aria-selected={index === chosen}
          aria-controls={`${id}-panel`}
          tabIndex={index === chosen ? 0 : -1}
          onClick={() => onChoose(index)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

function SecretBlock(props: {
  what: string;
  text: string;
  trans: TranslationBundle;
}): ReactElement {
  const { what, text, trans } = props;
  const [shown, setShown] = useState(false);
  return (
    <div className="wbs-Snippet">
      <pre tabIndex={0} aria-label={what}>
        {shown ? text : maskSnippet(text)}
      </pre>
      <div className="wbs-Snippet-buttons">
        <Show what={what} shown={shown} onToggle={() => setShown(!shown)} trans={trans} />
        <Copy what={what} text={text} onRefused={() => setShown(true)} trans={trans} />
      </div>
    </div>
  );
}

function Show(props: {
  what: string;
  shown: boolean;
  onToggle: () => void;
  trans: TranslationBundle;
}): ReactElement {
  const { what, shown, onToggle, trans } = props;
  return (
    <Button
      icon={shown ? eyeOffIcon : eyeIcon}
      title={shown ? trans.__('Hide: %1', what) : trans.__('Show: %1', what)}
      onClick={onToggle}
    />
  );
}

/** A button that copies; where it must not, `onRefused` makes the text one to copy by hand. */
function Copy(props: {
  what: string;
  text: string;
  onRefused?: () => void;
  trans: TranslationBundle;
}): ReactElement {
  const { what, text, onRefused, trans } = props;
  const [said, setSaid] = useState<'copied' | 'refused' | null>(null);
  useEffect(() => {
    const timer = said === 'copied' ? setTimeout(() => setSaid(null), DONE_FOR) : undefined;
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async (button: HTMLElement) => {
    const copied = await copyText(text, button.parentElement ?? button);
    setSaid(copied ? 'copied' : 'refused');
    if (!copied) {
      onRefused?.();
    }
  };
  return (
    <>
      <Button
        icon={said === 'copied' ? checkIcon : copyIcon}
        title={trans.__('Copy: %1', what)}
        className={said === 'copied' ? 'wbs-mod-done' : ''}
        onClick={event => void copy(event.currentTarget as HTMLElement)}
      />
      <span className={said === 'refused' ? 'wbs-Copy-refused' : 'wbs-hidden'} role="status">
        {said === 'copied' && trans.__('Copied')}
        {said === 'refused' && trans.__('No clipboard here: copy it by hand.')}
      </span>
    </>
  );
}
