"""What else is at hand to find a class with a shortcut: numbers per class, from maps alone."""

import numpy as np

SMALL = 8  # the side that maps are averaged to
CUT = 0.5  # of the greatest value of the mean map


def mean_map(maps, labels):
    """How little of the picture the class's mean map is above half of its greatest value."""
    found = {}
    for number in np.unique(labels).tolist():
        mean = maps[labels == number].mean(0)
        found[number] = 1 - float((mean > CUT * mean.max()).mean())
    return found


def spectral(maps, labels):
    """As SpRAy (Lapuschkin et al. 2019): the widest gap of the eigenvalues of a class's maps.

    The maps are averaged to a small grid; neighbours are the nearest; the Laplacian is normalized.
    The wider the gap behind the first few eigenvalues, the more the maps are in clusters.
    """
    from sklearn.neighbors import kneighbors_graph

    found = {}
    for number in np.unique(labels).tolist():
        own = smaller(maps[labels == number]).reshape((labels == number).sum(), -1)
        near = kneighbors_graph(own, min(5, len(own) - 1)).toarray()
        near = np.maximum(near, near.T)
        degree = near.sum(1) ** -0.5
        values = np.linalg.eigvalsh(np.eye(len(own)) - degree[:, None] * near * degree)
        found[number] = float(np.diff(values[:6]).max())
    return found


def smaller(maps):
    """Maps (picture, row, column) at the small side, by sampling."""
    rows = np.linspace(0, maps.shape[1] - 1, SMALL).round().astype(int)
    columns = np.linspace(0, maps.shape[2] - 1, SMALL).round().astype(int)
    return maps[:, rows][:, :, columns]


BASELINES = {"mean map": mean_map, "SpRAy": spectral}
