def print_leaderboard(w, ids):
    pass
