// The package says what it exports in a way that only one of the two kinds of modules understands.
import * as library from './node_modules/react-custom-scrollbars-2/lib/index.js';

export const Scrollbars = library.Scrollbars;
export default library.Scrollbars;
