// Entry of the page. One page so far: explore; others will be chosen here by path.

import { render } from "preact";
import { ExplorePage } from "./explore/explore_page.tsx";
import { useTheme } from "./state/theme.ts";
import "./styles/tokens.css";
import "./styles/controls.css";
import "./styles/layout.css";
import "./styles/graph.css";

function App() {
  return <ExplorePage theme={useTheme()} />;
}

const root = document.getElementById("app");
if (root) render(<App />, root);
