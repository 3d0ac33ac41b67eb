"""The mazes of D4RL, in which Minari collected anew: their walls, and where episodes begin and should end."""

# Rows of cells, walls as #.
WALLS = {
    "open": """
        #######
        #.....#
        #.....#
        #.....#
        #######""",
    "umaze": """
        #####
        #...#
        ###.#
        #...#
        #####""",
    "medium": """
        ########
        #..##..#
        #..#...#
        ##...###
        #..#...#
        #.#..#.#
        #...#..#
        ########""",
    "large": """
        ############
        #....#.....#
        #.##.#.#.#.#
        #......#...#
        #.####.###.#
        #..#.#.....#
        ##.#.#.#.###
        #..#...#...#
        ############""",
}
Cell = tuple[int, int]
# D4RL's ant mazes for evaluation begin here, and end there.
START: Cell = (1, 1)
GOALS: dict[str, Cell] = {"umaze": (3, 1), "medium": (6, 6), "large": (7, 9)}


def walls(maze: str) -> list[list[int]]:
    """Cells of a maze by row, 1 where there is a wall."""
    return [[int(cell == "#") for cell in row] for row in WALLS[maze].split()]


def marked(maze: str, goal: Cell, start: Cell | None = None) -> list[list[int | str]]:
    """The `maze_map` of gymnasium-robotics for one goal, and one start or any free cell."""
    cells: list[list[int | str]] = [list(row) for row in walls(maze)]
    cells[goal[0]][goal[1]] = "g"
    if start is not None:
        cells[start[0]][start[1]] = "r"
    return cells
