import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import { namePieces, splitExtension } from '../utils/names';

/** An extension of more characters than this is no extension to be kept. */
const LONGEST_EXTENSION = 10;

/** A name out of the bucket, as text: isolated from the text around it, nothing invisible. */
export function Name(props: {
  name: string;
  isFolder?: boolean;
  trans: TranslationBundle;
  className?: string;
}): ReactElement {
  const { name, isFolder, trans, className } = props;
  if (name === '') {
    return <bdi className={`wbs-Name-none ${className ?? ''}`}>{trans.__('(no name)')}</bdi>;
  }
  return (
    <bdi className={className}>
      <Pieces text={name} />
      {isFolder && '/'}
    </bdi>
  );
}

/** A name on one line: what does not fit is left out in the middle, the extension stays. */
export function ShortName(props: { name: string; trans: TranslationBundle }): ReactElement {
  const { name, trans } = props;
  const [stem, extension] = splitExtension(name);
  if (extension === '' || extension.length > LONGEST_EXTENSION) {
    return <Name name={name} trans={trans} className="wbs-Name" />;
  }
  return (
    <bdi className="wbs-Name wbs-mod-split">
      <span className="wbs-Name-stem">
        <Pieces text={stem} />
      </span>
      <span className="wbs-Name-extension">
        <Pieces text={extension} />
      </span>
    </bdi>
  );
}

function Pieces(props: { text: string }): ReactElement {
  return (
    <>
      {namePieces(props.text).map((piece, index) =>
        piece.marked ? (
          <span key={index} className="wbs-Name-mark">
            {piece.text}
          </span>
        ) : (
          piece.text
        )
      )}
    </>
  );
}
